/* The same bits at any number of ranks and in any order: each number of ranks must print what one rank alone computes. */
#include "mpi/fixed_sum.h"
#include "tests/mpi/check.h"

#include "base/random.h"

#include <math.h>

enum { ROWS = 1000, N = 7 };

static double addend(int row, int column)
{
    double scale = ldexp(1, (int)(desy_random_u64(1, 3, (uint64_t)row) % 40) - 20); /* magnitudes that floats would lose */
    return scale * desy_random_normal(1, 2, (uint64_t)(row * N + column));
}

/* Rows go round robin: each number of ranks adds in another order. */
static void test_sum(void)
{
    const int rank = desy_rank(world), size = desy_size(world);
    static double all[ROWS * N], mine[ROWS * N];
    double sums[N];
    size_t count = 0;
    for (int row = 0; row < ROWS; row++)
        for (int i = 0; i < N; i++) {
            all[row * N + i] = addend(row, i);
            if (row % size == rank) mine[count * N + (size_t)i] = all[row * N + i];
            if (i == N - 1 && row % size == rank) count++;
        }
    check(desy_fixed_sum(world, mine, count, N, ROWS, sums) == DESY_OK);
    double bound = 0;
    for (int i = 0; i < ROWS * N; i++) bound = fmax(bound, fabs(all[i]));
    int exponent = desy_fixed_exponent(bound, ROWS);
    for (int i = 0; i < N; i++) {
        int64_t whole = 0;
        long double exact = 0;
        for (int row = ROWS - 1; row >= 0; row--) { /* backwards, on this rank alone */
            whole += llrint(ldexp(all[row * N + i], exponent));
            exact += all[row * N + i];
        }
        check(sums[i] == ldexp((double)whole, -exponent));
        check(fabsl(exact - sums[i]) <= ldexpl(ROWS, -exponent - 1) + 0x1p-52L * fabsl(exact)); /* half a unit an addend */
    }
}

static void test_not_finite(void)
{
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++)
        for (int where = 0; where < desy_size(world); where++) {
            double mine[2] = {1, desy_rank(world) == where ? bad[i] : 2}, sum[2];
            check(desy_fixed_sum(world, mine, 1, 2, (uint64_t)desy_size(world), sum) == DESY_EDATA);
        }
}

static void test_nothing(void)
{
    double sum[2] = {5, 5}, zeros[2] = {0, 0};
    check(desy_fixed_sum(world, NULL, 0, 2, 0, sum) == DESY_OK && sum[0] == 0 && sum[1] == 0);
    check(desy_fixed_sum(world, zeros, 1, 2, (uint64_t)desy_size(world), sum) == DESY_OK && sum[0] == 0);
}

/* As many addends of the bound itself as were announced must fit, and those far above it be refused. */
static void test_range(void)
{
    const double bounds[] = {1, .75, 1e-280, 1e300};
    for (int b = 0; b < 4; b++)
        for (uint64_t addends = 1; addends <= 4096; addends *= 16) {
            int64_t accumulator = 0;
            int exponent = desy_fixed_exponent(bounds[b], addends);
            for (uint64_t i = 0; i < addends; i++) check(desy_fixed_add(&accumulator, &bounds[b], 1, exponent) == DESY_OK);
            double sum = ldexp((double)accumulator, -exponent), exact = bounds[b] * (double)addends;
            check(accumulator > 0 && fabs(sum - exact) <= ldexp((double)addends, -exponent - 1) + 0x1p-52 * exact);
        }
    int64_t accumulator[2] = {0, 0};
    const double beyond[2] = {1, 16}, close = 1.9;
    int exponent = desy_fixed_exponent(1, 1), rc = DESY_OK;
    check(desy_fixed_add(accumulator, beyond, 2, exponent) == DESY_EDATA && strstr(desy_error_message(), "index 1"));
    for (int i = 0; i < 8 && rc == DESY_OK; i++) rc = desy_fixed_add(accumulator, &close, 1, exponent);
    check(rc == DESY_EDATA); /* more of them than announced do not wrap around */
}

int main(void)
{
    check(desy_world_open(&world) == DESY_OK);
    test_sum();
    test_not_finite();
    test_nothing();
    test_range();
    desy_world_close(&world);
    return 0;
}
