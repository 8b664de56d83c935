#include "eval/metrics.h"

#include "base/error.h"
#include "eval/sources.h"
#include "mpi/fixed_sum.h"

#include <math.h>
#include <stdlib.h>

static double ratio(int64_t part, int64_t whole) { return whole > 0 ? (double)part / (double)whole : 0.; }

double desy_accuracy(const struct desy_operating_point *p) { return ratio(p->tp + p->tn, p->tp + p->tn + p->fp + p->fn); }
double desy_precision(const struct desy_operating_point *p) { return ratio(p->tp, p->tp + p->fp); }
double desy_recall(const struct desy_operating_point *p) { return ratio(p->tp, p->tp + p->fn); }
double desy_f1(const struct desy_operating_point *p) { return ratio(2 * p->tp, 2 * p->tp + p->fp + p->fn); }
double desy_false_positive_rate(const struct desy_operating_point *p) { return ratio(p->fp, p->fp + p->tn); }

/* The records to sort: rows with a score. */
static int select_scored(const struct desy_scores *scores, const struct desy_sources *sources, struct desy_ranked **ranked, size_t *n)
{
    *n = 0;
    *ranked = malloc((scores->n + 1) * sizeof **ranked);
    if (!*ranked) return desy_error_memory("scores");
    for (size_t i = 0; i < scores->n; i++) {
        const struct desy_score_row *row = &scores->rows[i];
        if (isnan(row->score)) continue;
        (*ranked)[(*n)++] = (struct desy_ranked){row->score, (uint32_t)desy_sources_find(sources, row->source), (uint32_t)row->label};
    }
    return DESY_OK;
}

static int ascending(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static struct desy_operating_point operating_point(double threshold, const struct desy_ranked *ranked, size_t n)
{
    struct desy_operating_point point = {.threshold = threshold};
    for (size_t i = 0; i < n; i++) {
        const bool called = ranked[i].score >= threshold;
        if (ranked[i].label) point.tp += called, point.fn += !called;
        else point.fp += called, point.tn += !called;
    }
    return point;
}

/* The guide's sweep, .3 to .7, in steps of .05, and its .4238. */
static int sweep_thresholds(desy_world *world, const struct desy_ranked *ranked, size_t n, double threshold, struct desy_metrics *metrics)
{
    double wanted[11] = {.3, .35, .4, .45, .5, .55, .6, .65, .7, .4238, threshold};
    int64_t counts[11][4];
    qsort(wanted, 11, sizeof *wanted, ascending);
    metrics->sweep = calloc(11, sizeof *metrics->sweep);
    int rc = desy_agree(world, metrics->sweep ? DESY_OK : desy_error_memory("thresholds"));
    if (rc != DESY_OK) return rc;
    for (int i = 0; i < 11; i++) {
        if (i > 0 && wanted[i] == wanted[i - 1]) continue;
        const struct desy_operating_point point = operating_point(wanted[i], ranked, n);
        int64_t *count = counts[metrics->n_sweep];
        count[0] = point.tp, count[1] = point.fp, count[2] = point.tn, count[3] = point.fn;
        metrics->sweep[metrics->n_sweep++].threshold = wanted[i];
    }
    desy_sum_i64(world, &counts[0][0], 4 * metrics->n_sweep);
    for (size_t i = 0; i < metrics->n_sweep; i++) {
        metrics->sweep[i] = (struct desy_operating_point){metrics->sweep[i].threshold, counts[i][0], counts[i][1], counts[i][2], counts[i][3]};
        if (metrics->sweep[i].threshold == threshold) metrics->point = metrics->sweep[i];
    }
    return DESY_OK;
}

/* As scikit-learn's calibration_curve: the number of inner edges below the score. */
static int bin_of(double score)
{
    int bin = 0;
    while (bin < DESY_BINS - 1 && (bin + 1) * .1 < score) bin++;
    return bin;
}

/* Brier score, expected calibration error (Naeini et al., AAAI 2015), and the histograms. */
static int calibrate(desy_world *world, const struct desy_ranked *ranked, size_t n, struct desy_metrics *metrics)
{
    int64_t sums[DESY_BINS + 1] = {0}, counts[2 * DESY_BINS + 2 * DESY_HISTOGRAM] = {0};
    int64_t *histogram = counts + 2 * DESY_BINS;
    double values[DESY_BINS + 1];
    const int exponent = desy_fixed_exponent(1., (uint64_t)metrics->n);
    int rc = DESY_OK;
    for (size_t i = 0; i < n && rc == DESY_OK; i++) {
        const double score = ranked[i].score, error = score - ranked[i].label, square = error * error;
        const int bin = bin_of(score), bar = score >= 1. ? DESY_HISTOGRAM - 1 : (int)(score * DESY_HISTOGRAM);
        counts[bin]++;
        counts[DESY_BINS + bin] += ranked[i].label;
        histogram[ranked[i].label * DESY_HISTOGRAM + (unsigned)bar]++;
        rc = desy_fixed_add(&sums[bin], &score, 1, exponent);
        if (rc == DESY_OK) rc = desy_fixed_add(&sums[DESY_BINS], &square, 1, exponent);
    }
    rc = desy_agree(world, rc);
    if (rc != DESY_OK) return rc;
    desy_fixed_finish(world, sums, values, DESY_BINS + 1, exponent);
    desy_sum_i64(world, counts, sizeof counts / sizeof *counts);

    metrics->brier = values[DESY_BINS] / (double)metrics->n;
    metrics->ece = 0;
    for (int b = 0; b < DESY_BINS; b++) {
        metrics->bins[b].n = counts[b];
        metrics->bins[b].pos = counts[DESY_BINS + b];
        metrics->bins[b].mean_score = counts[b] ? values[b] / (double)counts[b] : 0;
        metrics->ece += fabs(values[b] - (double)counts[DESY_BINS + b]) / (double)metrics->n;
    }
    for (int label = 0; label < 2; label++)
        for (int b = 0; b < DESY_HISTOGRAM; b++) metrics->histogram[label][b] = histogram[label * DESY_HISTOGRAM + b];
    return DESY_OK;
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

static int measure_sources(desy_world *world, const struct desy_ranked *ranked, size_t n, double bound, struct desy_sources *sources,
                           const desy_ranking *ranking, struct desy_metrics *metrics)
{
    double *auc = calloc(sources->n + 1, sizeof *auc);
    metrics->sources = calloc(sources->n + 1, sizeof *metrics->sources);
    int rc = desy_agree(world, auc && metrics->sources ? DESY_OK : desy_error_memory("figures by source"));
    if (rc != DESY_OK) goto out;
    DESY_TRY(count_sources(world, ranked, n, bound, sources, metrics));
    if (metrics->both) DESY_TRY(desy_ranking_source_auc(world, ranking, sources->n + 1, auc));
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
    double precision[2];
    int rc = DESY_OK;
    metrics->both = ranking->pos > 0 && ranking->neg > 0;
    if (!metrics->both) return DESY_OK;
    metrics->roc_auc = desy_ranking_auc(world, ranking);
    metrics->equal_error_rate = desy_ranking_equal_error_rate(world, ranking);
    DESY_TRY(desy_ranking_average_precision(world, ranking, precision));
    metrics->average_precision = precision[0];
    metrics->average_precision_real = precision[1];
    DESY_TRY(desy_ranking_auc_interval(world, ranking, metrics->roc_auc, metrics->roc_auc_ci, &metrics->ci_method));
out:
    return rc;
}

int desy_metrics_compute(desy_world *world, const struct desy_scores *scores, double threshold, struct desy_metrics *metrics, desy_ranking *ranking)
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
    DESY_TRY(desy_ranking_open(world, ranked, n, ranking));

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
    DESY_TRY(sweep_thresholds(world, ranked, n, threshold, metrics));
    if (metrics->probabilities) DESY_TRY(calibrate(world, ranked, n, metrics));
    DESY_TRY(measure_sources(world, ranked, n, bounds[0], &sources, ranking, metrics));
out:
    desy_sources_close(&sources);
    free(ranked);
    return rc;
}

void desy_metrics_close(struct desy_metrics *metrics)
{
    for (size_t s = 0; s < metrics->n_sources; s++) free(metrics->sources[s].name);
    free(metrics->sources);
    free(metrics->sweep);
    *metrics = (struct desy_metrics){0};
}
