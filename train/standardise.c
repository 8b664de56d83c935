#include "train/fit.h"

#include "base/error.h"
#include "mpi/fixed_sum.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void desy_tile_share(size_t total, int rank, int ranks, size_t *first, size_t *count)
{
    const size_t tiles = (total + DESY_TILE - 1) / DESY_TILE, r = (size_t)rank, n = (size_t)ranks;
    size_t from = tiles * r / n * DESY_TILE, to = tiles * (r + 1) / n * DESY_TILE;
    if (to > total) to = total;
    *first = from < to ? from : to;
    *count = to - *first;
}

/* Floats in their order as unsigned numbers: bisection over these ends after 32 steps, exactly. */
static uint32_t order_key(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static double key_value(uint32_t key)
{
    float value;
    uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static bool is_chosen(const struct desy_fit *fit, size_t local)
{
    return fit->weights[fit->first + local] > 0;
}

struct bisection {
    uint32_t *low, *high;
    int64_t *counts;
};

/* Adds to `values` the number at `rank` (from 0) of each column, in ascending order. */
static void add_order_statistic(const struct desy_fit *fit, int offset, int inputs, size_t rank, struct bisection *b, double *values)
{
    for (int d = 0; d < inputs; d++) b->low[d] = 0, b->high[d] = UINT32_MAX;
    for (int step = 0; step < 32; step++) {
        memset(b->counts, 0, (size_t)inputs * sizeof *b->counts);
        for (size_t i = 0; i < fit->count; i++) {
            if (!is_chosen(fit, i)) continue;
            const float *x = fit->vectors + i * fit->stride + offset;
            for (int d = 0; d < inputs; d++) b->counts[d] += order_key(x[d]) <= b->low[d] + (b->high[d] - b->low[d]) / 2;
        }
        desy_sum_i64(fit->world, b->counts, (size_t)inputs);
        for (int d = 0; d < inputs; d++) {
            uint32_t middle = b->low[d] + (b->high[d] - b->low[d]) / 2;
            if (b->low[d] == b->high[d]) continue;
            if ((size_t)b->counts[d] > rank) b->high[d] = middle;
            else b->low[d] = middle + 1;
        }
    }
    for (int d = 0; d < inputs; d++) values[d] += key_value(b->low[d]);
}

static int fit_median(const struct desy_fit *fit, int offset, int inputs, double *median)
{
    const size_t n = (size_t)inputs;
    struct bisection b = {malloc(n * sizeof *b.low), malloc(n * sizeof *b.high), malloc(n * sizeof *b.counts)};
    int rc = desy_agree(fit->world, b.low && b.high && b.counts ? DESY_OK : desy_error_memory("medians"));
    if (rc == DESY_OK) {
        memset(median, 0, n * sizeof *median);
        add_order_statistic(fit, offset, inputs, (fit->chosen - 1) / 2, &b, median);
        add_order_statistic(fit, offset, inputs, fit->chosen / 2, &b, median);
        for (int d = 0; d < inputs; d++) median[d] /= 2;
    }
    free(b.low);
    free(b.high);
    free(b.counts);
    return rc;
}

/* sums[d] = sum over chosen items of x[d] (centre NULL) or (x[d] - centre[d])^2. `row`, `sums_fixed`: room. */
static int sum_columns(const struct desy_fit *fit, int offset, int inputs, const double *centre, double bound, double *row, int64_t *fixed, double *sums)
{
    int rc = DESY_OK, exponent = desy_fixed_exponent(bound, fit->chosen);
    memset(fixed, 0, (size_t)inputs * sizeof *fixed);
    for (size_t i = 0; rc == DESY_OK && i < fit->count; i++) {
        if (!is_chosen(fit, i)) continue;
        const float *x = fit->vectors + i * fit->stride + offset;
        for (int d = 0; d < inputs; d++) row[d] = centre ? ((double)x[d] - centre[d]) * ((double)x[d] - centre[d]) : (double)x[d];
        rc = desy_fixed_add(fixed, row, (size_t)inputs, exponent);
    }
    rc = desy_agree(fit->world, rc);
    if (rc == DESY_OK) desy_fixed_finish(fit->world, fixed, sums, (size_t)inputs, exponent);
    return rc;
}

int desy_fit_standardise(const struct desy_fit *fit, int offset, int inputs, double *median, double *scale)
{
    const size_t n = (size_t)inputs;
    double bound = 0;
    double *row = malloc(n * sizeof *row), *mean = malloc(n * sizeof *mean);
    int64_t *fixed = malloc(n * sizeof *fixed);
    int rc = desy_agree(fit->world, row && mean && fixed ? DESY_OK : desy_error_memory("moments"));
    if (rc != DESY_OK) goto out;
    DESY_TRY(fit_median(fit, offset, inputs, median));
    for (size_t i = 0; i < fit->count; i++)
        for (int d = 0; d < inputs; d++)
            if (is_chosen(fit, i)) bound = fmax(bound, fabs((double)fit->vectors[i * fit->stride + (size_t)(offset + d)]));
    desy_max_f64(fit->world, &bound, 1);
    DESY_TRY(sum_columns(fit, offset, inputs, NULL, bound, row, fixed, mean));
    for (int d = 0; d < inputs; d++) mean[d] /= (double)fit->chosen;
    DESY_TRY(sum_columns(fit, offset, inputs, mean, 4 * bound * bound, row, fixed, scale));
    for (int d = 0; d < inputs; d++) scale[d] = sqrt(scale[d] / (double)fit->chosen) + 1e-6;
out:
    free(row);
    free(mean);
    free(fixed);
    return rc;
}

void desy_standardise(double *z, const float *x, int inputs, const double *median, const double *scale)
{
    for (int d = 0; d < inputs; d++) z[d] = fmin(3, fmax(-3, ((double)x[d] - median[d]) / scale[d]));
}

int desy_fit_moments(const struct desy_fit *fit, const double *values, double *mean, double *deviation)
{
    double *mine = malloc((fit->count ? fit->count : 1) * sizeof *mine);
    size_t n = 0;
    double sum;
    int rc = desy_agree(fit->world, mine ? DESY_OK : desy_error_memory("moments"));
    if (rc != DESY_OK) goto out;
    for (size_t i = 0; i < fit->count; i++)
        if (is_chosen(fit, i)) mine[n++] = values[i];
    DESY_TRY(desy_fixed_sum(fit->world, mine, n, 1, fit->chosen, &sum));
    *mean = sum / (double)fit->chosen;
    for (size_t i = 0; i < n; i++) mine[i] = (mine[i] - *mean) * (mine[i] - *mean);
    DESY_TRY(desy_fixed_sum(fit->world, mine, n, 1, fit->chosen, &sum));
    *deviation = sqrt(sum / (double)fit->chosen);
out:
    free(mine);
    return rc;
}
