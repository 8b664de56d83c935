/* Every figure of a report, from scores that are spread over the ranks. Equal to scikit-learn's within 1e-12 and the same to
 * the bit at any number of ranks. */
#ifndef DESY_EVAL_METRICS_H
#define DESY_EVAL_METRICS_H

#include "eval/ranking.h"
#include "eval/scores.h"

#define DESY_BINS 10       /* of calibration, equal width */
#define DESY_HISTOGRAM 20  /* of scores, equal width */

/* At a threshold: a clip is called AI if its score is >= threshold. */
struct desy_operating_point {
    double threshold;
    int64_t tp, fp, tn, fn;
};
/* Each as scikit-learn defines it; a ratio with nothing below the line is 0, as there (zero_division=0). */
double desy_accuracy(const struct desy_operating_point *point);
double desy_precision(const struct desy_operating_point *point);
double desy_recall(const struct desy_operating_point *point); /* the true positive rate, too */
double desy_f1(const struct desy_operating_point *point);
double desy_false_positive_rate(const struct desy_operating_point *point);

struct desy_source_metrics {
    char *name;
    int64_t n, n_pos, n_neg;
    double mean_score;
    double roc_auc; /* see desy_ranking_source_auc; NaN: only one class in all */
};

struct desy_metrics {
    int64_t n, n_pos, n_neg, n_failed; /* n = n_pos + n_neg: clips with a score */
    bool both;                         /* classes; else the next six are not set */
    double roc_auc, roc_auc_ci[2], average_precision, average_precision_real, equal_error_rate;
    const char *ci_method;
    struct desy_operating_point point; /* at the threshold */
    struct desy_operating_point *sweep; /* .3, .35, ... .7, .4238 and the threshold, ascending, once each */
    size_t n_sweep;
    bool probabilities;                /* all scores are in [0, 1]; else the next two, bins and histogram are not set */
    double brier, ece;
    struct { int64_t n, pos; double mean_score; } bins[DESY_BINS]; /* bin i: scores in (i/10, (i+1)/10], 0 in the first */
    int64_t histogram[2][DESY_HISTOGRAM]; /* [label] */
    struct desy_source_metrics *sources; /* by name; clips without a source are in none */
    size_t n_sources;
};

/* Collective. `ranking` (closed by the caller) is opened as well: the curves are drawn from it. Agreed codes:
 * DESY_EDATA: no clip with a score; DESY_EENV: memory. */
int desy_metrics_compute(desy_world *world, const struct desy_scores *scores, double threshold, struct desy_metrics *metrics, desy_ranking *ranking);
void desy_metrics_close(struct desy_metrics *metrics);

#endif
