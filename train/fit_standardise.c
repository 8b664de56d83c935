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

/* Room for the moments of `inputs` columns. units[d] is a power of two that no magnitude of the column exceeds: each column is
 * summed on a scale of its own, so that a huge number in one costs the others nothing. */
struct moments {
    double *row, *mean, *units;
    int64_t *fixed;
};

static int find_units(const struct desy_fit *fit, int offset, int inputs, double *units)
{
    memset(units, 0, (size_t)inputs * sizeof *units);
    for (size_t i = 0; i < fit->count; i++) {
        const float *x = fit->vectors + i * fit->stride + offset;
        for (int d = 0; d < inputs && is_chosen(fit, i); d++)
            if (!(fabsf(x[d]) <= units[d]) && !isnan(units[d])) units[d] = fabsf(x[d]);
    }
    desy_max_f64(fit->world, units, (size_t)inputs);
    for (int d = 0; d < inputs; d++) {
        int exponent;
        if (!isfinite(units[d])) return desy_error(DESY_EDATA, "a feature is not finite: extract these videos again");
        frexp(units[d], &exponent);
        units[d] = ldexp(1, exponent);
    }
    return DESY_OK;
}

/* sums[d] = sum over chosen items of x[d] (centre NULL) or (x[d] - centre[d])^2. */
static int sum_columns(const struct desy_fit *fit, int offset, int inputs, const double *centre, struct moments *m, double *sums)
{
    int rc = DESY_OK, exponent = desy_fixed_exponent(4, fit->chosen); /* |x| <= 1 unit, (x - centre)^2 <= 4 units^2 */
    memset(m->fixed, 0, (size_t)inputs * sizeof *m->fixed);
    for (size_t i = 0; rc == DESY_OK && i < fit->count; i++) {
        if (!is_chosen(fit, i)) continue;
        const float *x = fit->vectors + i * fit->stride + offset;
        for (int d = 0; d < inputs; d++) {
            const double value = ((double)x[d] - (centre ? centre[d] : 0)) / m->units[d];
            m->row[d] = centre ? value * value : value;
        }
        rc = desy_fixed_add(m->fixed, m->row, (size_t)inputs, exponent);
    }
    rc = desy_agree(fit->world, rc);
    if (rc != DESY_OK) return rc;
    desy_fixed_finish(fit->world, m->fixed, sums, (size_t)inputs, exponent);
    for (int d = 0; d < inputs; d++) sums[d] *= centre ? m->units[d] * m->units[d] : m->units[d];
    return DESY_OK;
}

int desy_fit_standardise(const struct desy_fit *fit, int offset, int inputs, double *median, double *scale)
{
    const size_t n = (size_t)inputs;
    struct moments m = {malloc(n * sizeof *m.row), malloc(n * sizeof *m.mean), malloc(n * sizeof *m.units), malloc(n * sizeof *m.fixed)};
    int rc = desy_agree(fit->world, m.row && m.mean && m.units && m.fixed ? DESY_OK : desy_error_memory("moments"));
    if (rc != DESY_OK) goto out;
    DESY_TRY(fit_median(fit, offset, inputs, median));
    DESY_TRY(find_units(fit, offset, inputs, m.units));
    DESY_TRY(sum_columns(fit, offset, inputs, NULL, &m, m.mean));
    for (int d = 0; d < inputs; d++) m.mean[d] /= (double)fit->chosen;
    DESY_TRY(sum_columns(fit, offset, inputs, m.mean, &m, scale));
    for (int d = 0; d < inputs; d++) scale[d] = sqrt(scale[d] / (double)fit->chosen) + 1e-6;
out:
    free(m.row);
    free(m.mean);
    free(m.units);
    free(m.fixed);
    return rc;
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
