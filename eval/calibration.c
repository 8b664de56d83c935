#include "eval/calibration.h"

#include "base/error.h"
#include "base/random.h"
#include "eval/interval.h"
#include "mpi/fixed_sum.h"

#include <math.h>
#include <stdlib.h>

#define STREAM ((uint64_t)0x43414c00000000) /* of the first draw */

void desy_bins_equal_width(double edges[DESY_BINS + 1])
{
    for (int b = 0; b <= DESY_BINS; b++) edges[b] = b == DESY_BINS ? 1 : b * .1;
}

/* values[i]: the score at place places[i], which ascend, of the ascending order of all, 0-based. Collective. */
static void scores_at(desy_world *world, const desy_ranking *ranking, const int64_t *places, double *values, size_t n)
{
    const int64_t all = ranking->pos + ranking->neg;
    struct desy_groups groups;
    size_t left = n;
    for (size_t i = 0; i < n; i++) values[i] = -INFINITY;
    desy_groups_open(&groups, ranking, false);
    while (desy_groups_next(&groups))
        for (size_t g = 0; g < groups.n; g++) { /* descending: a group ends where all - tp - fp clips lie below it */
            const struct desy_group *group = &groups.group[g];
            const int64_t first = all - group->tp - group->fp, end = first + group->pos + group->neg;
            while (left > 0 && places[left - 1] >= end) left--; /* on a rank above */
            while (left > 0 && places[left - 1] >= first) values[--left] = group->score;
        }
    desy_max_f64(world, values, n);
}

void desy_bins_equal_mass(desy_world *world, const desy_ranking *ranking, double edges[DESY_BINS + 1])
{
    int64_t places[2 * DESY_BINS + 2];
    double parts[DESY_BINS + 1], values[2 * DESY_BINS + 2];
    const int64_t last = ranking->pos + ranking->neg - 1;
    for (int b = 0; b <= DESY_BINS; b++) {
        const double place = (b == DESY_BINS ? 1 : b * .1 * 100 / 100) * (double)last; /* .3 * 100 / 100 is not .3: as NumPy rounds */
        places[2 * b] = (int64_t)place;
        places[2 * b + 1] = places[2 * b] < last ? places[2 * b] + 1 : last;
        parts[b] = place - (double)places[2 * b];
    }
    scores_at(world, ranking, places, values, 2 * DESY_BINS + 2);
    for (int b = 0; b <= DESY_BINS; b++) {
        const double low = values[2 * b], high = values[2 * b + 1], gap = high - low;
        edges[b] = parts[b] < .5 ? low + gap * parts[b] : high - gap * (1 - parts[b]);
    }
}

/* As scikit-learn's calibration_curve: the number of inner edges below the probability. */
static int bin_of(const double edges[DESY_BINS + 1], double probability)
{
    int bin = 0;
    while (bin < DESY_BINS - 1 && edges[bin + 1] < probability) bin++;
    return bin;
}

static int draws_for(int64_t clips)
{
    const int64_t draws = clips > 0 ? 30000000 / clips : 300;
    return draws > 300 ? 300 : draws < 20 ? 0 : (int)draws;
}

enum { WEIGHT, AI, SAID, SAID_SQUARED, SAID_AI, SUMS }; /* of a bin */

/* From the weights of clips that were drawn to be AI-generated, (draws, bins). */
static void expect(struct desy_bins *bins, double *drawn, int draws, double all)
{
    double sum = 0;
    bins->expected = bins->expected_95 = NAN;
    if (draws == 0) return;
    for (int d = 0; d < draws; d++) {
        double ece = 0;
        for (int b = 0; b < DESY_BINS; b++) ece += fabs(bins->weight[b] * bins->mean[b] - drawn[d * DESY_BINS + b]) / all;
        drawn[d] = ece; /* in place: d <= d * DESY_BINS */
        sum += ece;
    }
    qsort(drawn, (size_t)draws, sizeof *drawn, desy_ascending);
    bins->expected = sum / draws;
    bins->expected_95 = drawn[(int)ceil(.95 * draws) - 1];
}

static void finish(struct desy_bins *bins, struct desy_brier *brier, double sums[DESY_BINS][SUMS])
{
    double all = 0, ai = 0, weighted = 0;
    for (int b = 0; b < DESY_BINS; b++) all += sums[b][WEIGHT], ai += sums[b][AI];
    if (brier) *brier = (struct desy_brier){.uncertainty = ai / all * (1 - ai / all)};
    for (int b = 0; b < DESY_BINS; b++) {
        const double weight = sums[b][WEIGHT];
        bins->weight[b] = weight, bins->ai[b] = sums[b][AI];
        bins->mean[b] = weight > 0 ? sums[b][SAID] / weight : 0;
        if (!(weight > 0)) continue;
        const double mean = bins->mean[b], share = sums[b][AI] / weight, gap = fabs(sums[b][SAID] - sums[b][AI]);
        weighted += gap;
        bins->largest = fmax(bins->largest, gap / weight);
        if (!brier) continue;
        brier->reliability += weight / all * (mean - share) * (mean - share);
        brier->resolution += weight / all * (share - ai / all) * (share - ai / all);
        brier->within_variance += (sums[b][SAID_SQUARED] - weight * mean * mean) / all;
        brier->within_covariance += 2 * (sums[b][SAID_AI] - sums[b][AI] * mean) / all;
    }
    bins->ece = weighted / all;
}

int desy_bins_measure(desy_world *world, const struct desy_forecasts *forecasts, const double edges[DESY_BINS + 1], uint64_t seed, uint64_t first_stream, int draws,
                      struct desy_bins *bins, struct desy_brier *brier)
{
    const int exponent = desy_fixed_exponent(forecasts->heaviest, forecasts->all);
    const size_t places = DESY_BINS * (SUMS + (size_t)draws);
    int64_t *totals = calloc(places, sizeof *totals), *drawn = totals + DESY_BINS * SUMS;
    double *values = calloc(places, sizeof *values);
    int rc = totals && values ? DESY_OK : desy_error_memory("calibration");
    *bins = (struct desy_bins){0};
    for (int b = 0; b <= DESY_BINS; b++) bins->edges[b] = edges[b];
    for (size_t i = 0; i < forecasts->n && rc == DESY_OK; i++) {
        const struct desy_forecast forecast = forecasts->at(forecasts->context, i);
        if (forecast.weight == 0) continue;
        const double p = forecast.probability, w = forecast.weight, y = forecast.label, terms[SUMS] = {w, w * y, w * p, w * p * p, w * p * y};
        const int bin = bin_of(edges, p);
        rc = desy_fixed_add(totals + bin * SUMS, terms, SUMS, exponent);
        for (int d = 0; d < draws && rc == DESY_OK; d++)
            if (desy_random_uniform(seed, first_stream + (uint64_t)d, forecast.counter) < p) rc = desy_fixed_add(drawn + d * DESY_BINS + bin, &w, 1, exponent);
    }
    DESY_TRY(desy_agree(world, rc));
    desy_fixed_finish(world, totals, values, places, exponent);
    finish(bins, brier, (double(*)[SUMS])values);
    double all = 0;
    for (int b = 0; b < DESY_BINS; b++) all += bins->weight[b];
    expect(bins, values + DESY_BINS * SUMS, draws, all);
out:
    free(totals);
    free(values);
    return rc;
}

int desy_forecast_losses(desy_world *world, const struct desy_forecasts *forecasts, double *brier, double *log_loss)
{
    enum { ALL, SQUARES, LOGS, LOSSES };
    const int exponents[LOSSES] = {desy_fixed_exponent(forecasts->heaviest, forecasts->all), desy_fixed_exponent(forecasts->heaviest, forecasts->all),
                                   desy_fixed_exponent(40 * forecasts->heaviest, forecasts->all)};
    int64_t totals[LOSSES] = {0};
    int rc = DESY_OK;
    for (size_t i = 0; i < forecasts->n && rc == DESY_OK; i++) {
        const struct desy_forecast forecast = forecasts->at(forecasts->context, i);
        if (forecast.weight == 0) continue;
        const double p = forecast.probability, w = forecast.weight, right = fmax(fmin(p, 1 - 0x1p-52), 0x1p-52);
        const double terms[LOSSES] = {w, w * (p - forecast.label) * (p - forecast.label), -w * (forecast.label ? log(right) : log1p(-right))};
        for (int t = 0; t < LOSSES && rc == DESY_OK; t++) rc = desy_fixed_add(&totals[t], &terms[t], 1, exponents[t]);
    }
    rc = desy_agree(world, rc);
    if (rc != DESY_OK) return rc;
    desy_sum_i64(world, totals, LOSSES);
    const double all = ldexp((double)totals[ALL], -exponents[ALL]);
    *brier = ldexp((double)totals[SQUARES], -exponents[SQUARES]) / all;
    *log_loss = ldexp((double)totals[LOGS], -exponents[LOGS]) / all;
    return DESY_OK;
}

int desy_calibration_measure(desy_world *world, const struct desy_forecasts *forecasts, const desy_ranking *ranking, uint64_t seed, struct desy_calibration *calibration)
{
    static const double labels[2] = {0, 1};
    const int draws = draws_for(ranking->pos + ranking->neg);
    double edges[DESY_BINS + 1];
    int rc;
    desy_bins_equal_width(edges);
    DESY_TRY(desy_bins_measure(world, forecasts, edges, seed, STREAM, draws, &calibration->equal_width, NULL));
    desy_bins_equal_mass(world, ranking, edges);
    DESY_TRY(desy_bins_measure(world, forecasts, edges, seed, STREAM, draws, &calibration->equal_mass, &calibration->brier));
    DESY_TRY(desy_forecast_losses(world, forecasts, &calibration->brier.score, &calibration->log_loss));
    rc = desy_logistic_fit(world, forecasts, labels, true, &calibration->cox);
out:
    return rc;
}
