/* Every figure of a report, from scores that are spread over the ranks. Equal to scikit-learn's within 1e-12 and the same to
 * the bit at any number of ranks. */
#ifndef DESY_EVAL_METRICS_H
#define DESY_EVAL_METRICS_H

#include "eval/ranking.h"
#include "eval/recalibration.h"
#include "eval/report.h"
#include "eval/scores.h"
#include "eval/thresholds.h"

#define DESY_HISTOGRAM 20  /* of scores, equal width */

struct desy_source_metrics {
    char *name;
    int64_t n, n_pos, n_neg;
    double mean_score;
    double roc_auc; /* see desy_source_auc; NaN: only one class in all */
};

struct desy_metrics {
    int64_t n, n_pos, n_neg, n_failed; /* n = n_pos + n_neg: clips with a score */
    bool both;                         /* classes; else the next nine are not set */
    double roc_auc, roc_auc_ci[2], average_precision, average_precision_real, equal_error_rate;
    const char *ci_method;
    double partial_auc, partial_auc_standardised; /* up to DESY_MOST_FPR */
    struct desy_fpr_point at_fpr[DESY_FPR_LIMITS];
    struct desy_operating_point point; /* at the threshold */
    struct desy_operating_point sweep[DESY_SWEEP]; /* the guide's thresholds and the threshold */
    size_t n_sweep;
    struct desy_thresholds thresholds; /* chosen by rules */
    bool probabilities;                /* all scores are in [0, 1]; else the next three are not set */
    struct desy_calibration calibration;
    struct desy_recalibration recalibration;
    int64_t histogram[2][DESY_HISTOGRAM]; /* [label] */
    struct desy_source_metrics *sources; /* by name; clips without a source are in none */
    size_t n_sources;
};

/* Collective. Of the options it reads threshold, validation and seed. `ranking` (closed by the caller) is opened as well: the curves are drawn from it. Agreed codes:
 * DESY_EDATA: no clip with a score; DESY_EENV: memory. */
int desy_metrics_compute(desy_world *world, const struct desy_scores *scores, const struct desy_report_options *options, struct desy_metrics *metrics, desy_ranking *ranking);
void desy_metrics_close(struct desy_metrics *metrics);

#endif
