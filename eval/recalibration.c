#include "eval/recalibration.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "eval/isotonic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STREAM ((uint64_t)0x464f4c44) /* of folds */

static const double labels_as_they_are[2] = {0, 1};

/* A curve that makes probabilities of scores. */
struct curve {
    bool exists;
    struct desy_logistic line; /* temperature, Platt */
    struct desy_isotonic steps;
};

static double curve_at(const struct curve *curve, enum desy_recalibration_method method, double score)
{
    return method == DESY_ISOTONIC ? desy_isotonic_at(&curve->steps, score) : desy_probability(curve->line.slope * desy_logit(score) + curve->line.intercept);
}

static int fit_isotonic(desy_world *world, const struct desy_forecasts *forecasts, struct desy_isotonic *steps)
{
    desy_ranking ranking = {0};
    double *scores = malloc((forecasts->n + 1) * sizeof *scores);
    uint8_t *labels = malloc(forecasts->n + 1);
    size_t n = 0;
    int rc = desy_agree(world, scores && labels ? DESY_OK : desy_error_memory("scores to recalibrate"));
    for (size_t i = 0; rc == DESY_OK && i < forecasts->n; i++) {
        const struct desy_forecast forecast = forecasts->at(forecasts->context, i);
        if (forecast.weight == 0) continue;
        scores[n] = forecast.probability;
        labels[n++] = (uint8_t)forecast.label;
    }
    if (rc == DESY_OK) rc = desy_ranking_open(world, scores, labels, n, &ranking);
    if (rc == DESY_OK) rc = desy_isotonic_fit(world, &ranking, steps);
    desy_ranking_close(&ranking);
    free(scores);
    free(labels);
    return rc;
}

/* All three curves; none exists where there are not both classes. `fits`: whether scores are probabilities at all. */
static int fit_curves(desy_world *world, const struct desy_forecasts *forecasts, struct curve curves[DESY_RECALIBRATIONS], bool *fits)
{
    int64_t clips[2] = {0};
    double outside = 0;
    int rc = DESY_OK;
    for (size_t i = 0; i < forecasts->n; i++) {
        const struct desy_forecast forecast = forecasts->at(forecasts->context, i);
        if (forecast.weight == 0) continue;
        clips[forecast.label]++;
        if (!(forecast.probability >= 0 && forecast.probability <= 1)) outside = 1;
    }
    desy_sum_i64(world, clips, 2);
    desy_max_f64(world, &outside, 1);
    *fits = clips[0] > 0 && clips[1] > 0 && outside == 0;
    if (!*fits) return DESY_OK;
    const double smooth[2] = {1. / ((double)clips[0] + 2), ((double)clips[1] + 1) / ((double)clips[1] + 2)};
    DESY_TRY(desy_logistic_fit(world, forecasts, labels_as_they_are, false, &curves[DESY_TEMPERATURE].line));
    DESY_TRY(desy_logistic_fit(world, forecasts, smooth, true, &curves[DESY_PLATT].line));
    DESY_TRY(fit_isotonic(world, forecasts, &curves[DESY_ISOTONIC].steps));
    curves[DESY_TEMPERATURE].exists = curves[DESY_TEMPERATURE].line.exists && curves[DESY_TEMPERATURE].line.slope > 0; /* a temperature is positive */
    curves[DESY_PLATT].exists = curves[DESY_PLATT].line.exists;
    curves[DESY_ISOTONIC].exists = true;
out:
    return rc;
}

/* Every clip's new scores, or those of the fold that was left out. Closes the curves. */
static void apply(const struct desy_scores *scores, const uint8_t *folds, int fold, struct curve curves[DESY_RECALIBRATIONS], double *const new_scores[DESY_RECALIBRATIONS],
                  struct desy_recalibration *recalibration)
{
    for (int m = 0; m < DESY_RECALIBRATIONS; m++) {
        struct desy_recalibrated *method = &recalibration->methods[m];
        method->done = method->done && curves[m].exists;
        method->slope = curves[m].line.slope, method->intercept = curves[m].line.intercept, method->steps = curves[m].steps.n;
        for (size_t i = 0; curves[m].exists && i < scores->n; i++)
            if (!isnan(scores->score[i]) && (!folds || folds[i] == fold)) new_scores[m][i] = curve_at(&curves[m], m, scores->score[i]);
    }
    desy_isotonic_close(&curves[DESY_ISOTONIC].steps);
}

static int fold_of(const struct desy_scores *scores, size_t i, uint64_t seed)
{
    const struct desy_score_row row = desy_scores_row(scores, i);
    const char *name = *row.group ? row.group : row.id;
    return (int)(desy_random_u64(seed, STREAM, desy_hash64(name, strlen(name))) % DESY_RECALIBRATION_FOLDS);
}

/* Each fold by curves that were fitted to the others. */
static int cross_fit(desy_world *world, const struct desy_scores *scores, uint64_t seed, double *const new_scores[DESY_RECALIBRATIONS], struct desy_recalibration *recalibration)
{
    uint8_t *folds = malloc(scores->n + 1);
    int rc = desy_agree(world, folds ? DESY_OK : desy_error_memory("folds"));
    for (size_t i = 0; rc == DESY_OK && i < scores->n; i++) folds[i] = (uint8_t)fold_of(scores, i, seed);
    for (int fold = 0; fold < DESY_RECALIBRATION_FOLDS && rc == DESY_OK; fold++) {
        struct desy_row_forecasts others = {.scores = scores, .folds = folds, .left_out = fold};
        struct curve curves[DESY_RECALIBRATIONS] = {0};
        bool fits;
        desy_row_forecasts_open(world, &others);
        rc = fit_curves(world, &others.all, curves, &fits);
        apply(scores, folds, fold, curves, new_scores, recalibration);
    }
    free(folds);
    return rc;
}

static int measure(desy_world *world, const struct desy_scores *scores, const double *new_scores, struct desy_recalibrated *method)
{
    struct desy_row_forecasts rows = {.scores = scores, .instead = new_scores};
    struct desy_bins bins;
    double edges[DESY_BINS + 1];
    int rc;
    desy_row_forecasts_open(world, &rows);
    desy_bins_equal_width(edges);
    DESY_TRY(desy_bins_measure(world, &rows.all, edges, 0, 0, 0, &bins, NULL));
    DESY_TRY(desy_forecast_losses(world, &rows.all, &method->brier, &method->log_loss));
    rc = desy_logistic_fit(world, &rows.all, labels_as_they_are, true, &method->cox);
    method->ece = bins.ece;
out:
    return rc;
}

int desy_recalibration_measure(desy_world *world, const struct desy_scores *evaluated, const struct desy_scores *validation, uint64_t seed,
                               struct desy_recalibration *recalibration)
{
    double *new_scores[DESY_RECALIBRATIONS] = {NULL};
    struct curve curves[DESY_RECALIBRATIONS] = {0};
    int64_t clips;
    int rc = DESY_OK;
    *recalibration = (struct desy_recalibration){0};
    for (int m = 0; m < DESY_RECALIBRATIONS; m++) {
        recalibration->methods[m].done = true;
        new_scores[m] = calloc(evaluated->n + 1, sizeof **new_scores);
        if (!new_scores[m]) rc = desy_error_memory("recalibrated scores");
    }
    DESY_TRY(desy_agree(world, rc));
    if (validation) {
        struct desy_row_forecasts rows = {.scores = validation};
        desy_row_forecasts_open(world, &rows);
        DESY_TRY(fit_curves(world, &rows.all, curves, &recalibration->on_validation));
    }
    clips = (int64_t)evaluated->n;
    desy_sum_i64(world, &clips, 1);
    if (recalibration->on_validation) apply(evaluated, NULL, 0, curves, new_scores, recalibration);
    else if (clips > DESY_CROSS_FITTED_MOST)
        for (int m = 0; m < DESY_RECALIBRATIONS; m++) recalibration->methods[m].done = false;
    else DESY_TRY(cross_fit(world, evaluated, seed, new_scores, recalibration));
    for (int m = 0; m < DESY_RECALIBRATIONS; m++)
        if (recalibration->methods[m].done) DESY_TRY(measure(world, evaluated, new_scores[m], &recalibration->methods[m]));
out:
    desy_isotonic_close(&curves[DESY_ISOTONIC].steps);
    for (int m = 0; m < DESY_RECALIBRATIONS; m++) free(new_scores[m]);
    return rc;
}
