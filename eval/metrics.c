#include "eval/metrics.h"

#include "base/error.h"
#include "eval/source_auc.h"
#include "eval/sources.h"
#include "mpi/fixed_sum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The records to sort: rows with a score. */
static int select_scored(const struct desy_scores *scores, const struct desy_sources *sources, struct desy_ranked **ranked, size_t *n)
{
    *n = 0;
    *ranked = malloc((scores->n + 1) * sizeof **ranked);
    if (!*ranked) return desy_error_memory("scores");
    for (size_t i = 0; i < scores->n; i++) {
        if (isnan(scores->score[i])) continue;
        (*ranked)[(*n)++] = (struct desy_ranked){scores->score[i], desy_sources_of(sources, scores, i), scores->label[i]};
    }
    return DESY_OK;
}

/* The guide's thresholds and the rules'. */
static int measure_thresholds(desy_world *world, const struct desy_scores *validation, const desy_ranking *ranking, double threshold, struct desy_metrics *metrics)
{
    desy_ranking chooser = {0};
    int rc = DESY_OK;
    desy_thresholds_sweep(threshold, metrics->sweep, &metrics->n_sweep);
    DESY_TRY(desy_operating_points_count(world, ranking, metrics->sweep, metrics->n_sweep));
    for (size_t i = 0; i < metrics->n_sweep; i++)
        if (metrics->sweep[i].threshold == threshold) metrics->point = metrics->sweep[i];
    if (validation) DESY_TRY(desy_ranking_open(world, validation->score, validation->label, validation->n, &chooser));
    rc = desy_thresholds_compute(world, validation ? &chooser : NULL, ranking, &metrics->thresholds);
out:
    desy_ranking_close(&chooser);
    return rc;
}

static void count_histogram(desy_world *world, const struct desy_ranked *ranked, size_t n, struct desy_metrics *metrics)
{
    for (size_t i = 0; i < n; i++) {
        const int bar = ranked[i].score >= 1. ? DESY_HISTOGRAM - 1 : (int)(ranked[i].score * DESY_HISTOGRAM);
        metrics->histogram[ranked[i].label][bar]++;
    }
    desy_sum_i64(world, &metrics->histogram[0][0], 2 * DESY_HISTOGRAM);
}

/* Counts and mean scores; the last, for clips without a source, is dropped. */
static int count_sources(desy_world *world, const struct desy_ranked *ranked, size_t n, double bound, const struct desy_sources *sources, struct desy_metrics *metrics)
{
    const size_t all = sources->n + 1;
    const int exponent = desy_fixed_exponent(bound, (uint64_t)metrics->n);
    int64_t *sums = calloc(all, sizeof *sums), *counts = calloc(2 * all, sizeof *counts);
    double *totals = calloc(all, sizeof *totals);
    int rc = sums && counts && totals ? DESY_OK : desy_error_memory("figures by source");
    for (size_t i = 0; i < n && rc == DESY_OK; i++) {
        counts[2 * ranked[i].source + ranked[i].label]++;
        rc = desy_fixed_add(&sums[ranked[i].source], &ranked[i].score, 1, exponent);
    }
    DESY_TRY(desy_agree(world, rc));
    desy_fixed_finish(world, sums, totals, all, exponent);
    desy_sum_i64(world, counts, 2 * all);
    for (size_t s = 0; s < sources->n; s++) {
        struct desy_source_metrics *source = &metrics->sources[s];
        source->n_neg = counts[2 * s];
        source->n_pos = counts[2 * s + 1];
        source->n = source->n_neg + source->n_pos;
        source->mean_score = source->n ? totals[s] / (double)source->n : NAN;
    }
out:
    free(sums);
    free(counts);
    free(totals);
    return rc;
}

static int measure_sources(desy_world *world, const struct desy_ranked *ranked, size_t n, double bound, struct desy_sources *sources, struct desy_metrics *metrics)
{
    double *auc = calloc(sources->n + 1, sizeof *auc);
    metrics->sources = calloc(sources->n + 1, sizeof *metrics->sources);
    int rc = desy_agree(world, auc && metrics->sources ? DESY_OK : desy_error_memory("figures by source"));
    if (rc != DESY_OK) goto out;
    DESY_TRY(count_sources(world, ranked, n, bound, sources, metrics));
    if (metrics->both && sources->n > 0) DESY_TRY(desy_source_auc(world, ranked, n, sources->n + 1, auc));
    for (size_t s = 0; s < sources->n; s++) {
        metrics->sources[s].roc_auc = metrics->both ? auc[s] : NAN;
        metrics->sources[s].name = sources->names[s];
        sources->names[s] = NULL;
    }
    metrics->n_sources = sources->n;
out:
    free(auc);
    return rc;
}

static int measure_ranking(desy_world *world, const desy_ranking *ranking, struct desy_metrics *metrics)
{
    metrics->both = ranking->pos > 0 && ranking->neg > 0;
    if (!metrics->both) return DESY_OK;
    metrics->roc_auc = ranking->auc;
    metrics->equal_error_rate = ranking->equal_error_rate;
    metrics->average_precision = ranking->average_precision[0];
    metrics->average_precision_real = ranking->average_precision[1];
    metrics->partial_auc = ranking->partial_auc;
    metrics->partial_auc_standardised = ranking->partial_auc_standardised;
    memcpy(metrics->at_fpr, ranking->at_fpr, sizeof metrics->at_fpr);
    return desy_ranking_auc_interval(world, ranking, metrics->roc_auc_ci, &metrics->ci_method);
}

int desy_metrics_compute(desy_world *world, const struct desy_scores *scores, const struct desy_report_options *options, struct desy_metrics *metrics, desy_ranking *ranking)
{
    int rc = DESY_OK;
    struct desy_sources sources = {0};
    struct desy_ranked *ranked = NULL;
    size_t n = 0;
    double bounds[2] = {0}; /* the largest magnitude; whether any score is outside [0, 1] */
    *metrics = (struct desy_metrics){0};
    *ranking = (desy_ranking){0};
    DESY_TRY(desy_sources_open(world, scores, &sources));
    DESY_TRY(desy_agree(world, select_scored(scores, &sources, &ranked, &n)));
    DESY_TRY(desy_ranking_open(world, scores->score, scores->label, scores->n, ranking));

    metrics->n_pos = ranking->pos;
    metrics->n_neg = ranking->neg;
    metrics->n = ranking->pos + ranking->neg;
    metrics->n_failed = (int64_t)(scores->n - n);
    desy_sum_i64(world, &metrics->n_failed, 1);
    if (metrics->n == 0) {
        rc = desy_error(DESY_EDATA, "none of the %lld clips has a score: there is nothing to evaluate", (long long)metrics->n_failed);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        bounds[0] = fmax(bounds[0], fabs(ranked[i].score));
        if (ranked[i].score < 0. || ranked[i].score > 1.) bounds[1] = 1.;
    }
    desy_max_f64(world, bounds, 2);
    metrics->probabilities = bounds[1] == 0.;
    DESY_TRY(measure_ranking(world, ranking, metrics));
    DESY_TRY(measure_thresholds(world, options->validation, ranking, options->threshold, metrics));
    if (metrics->probabilities) {
        count_histogram(world, ranked, n, metrics);
        struct desy_row_forecasts rows = {.scores = scores};
        desy_row_forecasts_open(world, &rows);
        DESY_TRY(desy_calibration_measure(world, &rows.all, ranking, options->seed, &metrics->calibration));
        DESY_TRY(desy_recalibration_measure(world, scores, options->validation, options->seed, &metrics->recalibration));
    }
    DESY_TRY(measure_sources(world, ranked, n, bounds[0], &sources, metrics));
out:
    desy_sources_close(&sources);
    free(ranked);
    return rc;
}

void desy_metrics_close(struct desy_metrics *metrics)
{
    for (size_t s = 0; s < metrics->n_sources; s++) free(metrics->sources[s].name);
    free(metrics->sources);
    *metrics = (struct desy_metrics){0};
}
