/* The likelihood of real clips has the same bits at any number of ranks: each job compares with what its rank 0 finds alone. And what
 * goes wrong on one rank ends it on all of them. */
#include "base/random.h"
#include "tests/mpi/check.h"
#include "tests/mpi/solo.h"
#include "train/stall.h"

#include <math.h>

enum { CLIPS = 41, DIMS = 23, STRIDE = 25, FRAMES = 8, FROZEN = 11, SHORT = 13 };

struct share {
    size_t first;
    float rows[FRAMES * STRIDE];
    int bad_clip; /* -1: none */
};

/* Clip `first` + i: a walk from a place of its own; one stands still, one has three frames. */
static int read_walk(void *context, size_t i, struct desy_stall_clip *clip)
{
    struct share *share = context;
    const size_t which = share->first + i;
    for (int d = 0; d < STRIDE; d++) {
        double x = d < DIMS ? 3 * desy_random_normal(1, which, (uint64_t)d) : NAN; /* what lies between the rows must not matter */
        for (int t = 0; t < FRAMES; t++) {
            share->rows[t * STRIDE + d] = (float)x;
            if (which != FROZEN) x += ldexp(desy_random_normal(2, which, (uint64_t)(t * STRIDE + d)), -d % 5);
        }
    }
    if ((int)which == share->bad_clip) share->rows[5] = INFINITY;
    *clip = (struct desy_stall_clip){share->rows, STRIDE, which == SHORT ? 3 : FRAMES - (int)(which % 3)};
    return DESY_OK;
}

/* This rank's clips: an unequal share of each. */
static int fit(struct desy_stall *stall, desy_world *on, int bad_clip)
{
    const size_t rank = (size_t)desy_rank(on), size = (size_t)desy_size(on);
    const size_t first = rank * rank * CLIPS / (size * size), next = (rank + 1) * (rank + 1) * CLIPS / (size * size);
    struct share share = {.first = first, .bad_clip = bad_clip};
    return desy_stall_fit(stall, on, DIMS, next - first, read_walk, &share);
}

/* All of a fit, and the scores by it of a clip it has seen and of one it has not. */
static void collect(double *all, desy_world *on)
{
    struct desy_stall stall;
    struct share share = {.bad_clip = -1};
    check(fit(&stall, on, -1) == DESY_OK && stall.count == CLIPS - 2);
    for (int part = 0; part < DESY_STALL_PARTS; part++) {
        memcpy(all, stall.parts[part].mean, DIMS * sizeof *all);
        memcpy(all + DIMS, stall.parts[part].whitening, DIMS * DIMS * sizeof *all);
        memcpy(all + DIMS + DIMS * DIMS, stall.parts[part].reals, stall.count * sizeof *all);
        all += DIMS + DIMS * DIMS + stall.count;
    }
    for (size_t which = CLIPS - 1; which <= CLIPS; which++) {
        struct desy_stall_clip clip;
        double likelihood[DESY_STALL_PARTS];
        bool present;
        check(read_walk(&share, which, &clip) == DESY_OK && desy_stall_likelihood(&stall, likelihood, &present, &clip) == DESY_OK && present);
        *all++ = desy_stall_score(&stall, likelihood);
    }
    desy_stall_close(&stall);
}

static void test_bits(void)
{
    enum { SIZE = DESY_STALL_PARTS * (DIMS + DIMS * DIMS + CLIPS - 2) + 2 };
    static double wanted[SIZE], got[SIZE];
    if (desy_rank(world) == 0) collect(wanted, solo);
    desy_broadcast(world, wanted, sizeof wanted, 0);
    collect(got, world);
    check(memcmp(got, wanted, sizeof got) == 0);
    check(wanted[SIZE - 1] > 0 && wanted[SIZE - 2] > 0 && wanted[SIZE - 1] < 1);
}

/* A frozen clip and one of three frames have no score, rather than the best. */
static void test_absent(void)
{
    struct desy_stall stall;
    struct share share = {.bad_clip = -1};
    check(fit(&stall, world, -1) == DESY_OK);
    const size_t absent[] = {FROZEN, SHORT};
    for (int i = 0; i < 2; i++) {
        struct desy_stall_clip clip;
        double likelihood[DESY_STALL_PARTS] = {1, 1};
        bool present = true;
        check(read_walk(&share, absent[i], &clip) == DESY_OK && desy_stall_likelihood(&stall, likelihood, &present, &clip) == DESY_OK);
        check(!present && likelihood[0] == 0 && likelihood[1] == 0);
    }
    desy_stall_close(&stall);
}

static int fail(void *context, size_t i, struct desy_stall_clip *clip)
{
    (void)i;
    (void)clip;
    return desy_error(DESY_EENV, "%s", (const char *)context);
}

static void test_refused(void)
{
    struct desy_stall stall;
    struct share frozen = {.first = FROZEN, .bad_clip = -1};
    check(fit(&stall, world, CLIPS - 1) == DESY_EDATA && strstr(desy_error_message(), "not finite"));
    desy_stall_close(&stall);
    check(desy_stall_fit(&stall, world, DIMS, desy_rank(world) == 0, read_walk, &frozen) == DESY_EDATA && strstr(desy_error_message(), "0 real clips that move"));
    desy_stall_close(&stall);
    check(desy_stall_fit(&stall, world, DIMS, desy_rank(world) == desy_size(world) - 1, fail, "no disk") == DESY_EENV && strcmp(desy_error_message(), "no disk") == 0);
    desy_stall_close(&stall);
}

int main(void)
{
    check(open_worlds() == DESY_OK);
    test_bits();
    test_absent();
    test_refused();
    desy_world_close(&solo);
    desy_world_close(&world);
    return 0;
}
