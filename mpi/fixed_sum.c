#include "mpi/fixed_sum.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int desy_fixed_exponent(double bound, uint64_t addends)
{
    int magnitude;
    if (!(bound > 0)) return 0;
    frexp(bound, &magnitude); /* bound < 2^magnitude */
    int headroom = 64 - __builtin_clzll(addends | 1);
    int exponent = 62 - headroom - magnitude;
    /* 2^exponent itself must stay a finite, normal double. */
    return exponent > 1000 ? 1000 : exponent < -1000 ? -1000 : exponent;
}

static int out_of_range(size_t index, double value)
{
    return desy_error(DESY_EDATA, "a sum met the value %g at index %zu: not finite, or beyond what was announced", value, index);
}

static bool add(int64_t *accumulator, double scaled)
{
    return fabs(scaled) < 0x1p62 && !__builtin_add_overflow(*accumulator, llrint(scaled), accumulator);
}

int desy_fixed_add(int64_t *accumulator, const double *values, size_t n, int exponent)
{
    const double scale = ldexp(1, exponent);
    for (size_t i = 0; i < n; i++)
        if (!add(&accumulator[i], values[i] * scale)) return out_of_range(i, values[i]);
    return DESY_OK;
}

void desy_fixed_finish(desy_world *world, int64_t *accumulator, double *values, size_t n, int exponent)
{
    const double scale = ldexp(1, -exponent);
    desy_sum_i64(world, accumulator, n);
    for (size_t i = 0; i < n; i++) values[i] = (double)accumulator[i] * scale;
}

int desy_fixed_sum(desy_world *world, const double *mine, size_t count, size_t n, uint64_t addends, double *sums)
{
    double bound = 0;
    for (size_t i = 0; i < count * n; i++)
        if (!(fabs(mine[i]) <= bound) && !isnan(bound)) bound = fabs(mine[i]); /* a NaN becomes the bound, and stays it */
    desy_max_f64(world, &bound, 1);
    if (!isfinite(bound)) return desy_error(DESY_EDATA, "a sum over all ranks met a value that is not finite");
    int rc = DESY_OK, exponent = desy_fixed_exponent(bound, addends);
    int64_t *accumulator = calloc(n ? n : 1, sizeof *accumulator);
    if (!accumulator) rc = desy_error_memory("a sum");
    for (size_t row = 0; rc == DESY_OK && row < count; row++) rc = desy_fixed_add(accumulator, mine + row * n, n, exponent);
    rc = desy_agree(world, rc);
    if (rc == DESY_OK) desy_fixed_finish(world, accumulator, sums, n, exponent);
    free(accumulator);
    return rc;
}
