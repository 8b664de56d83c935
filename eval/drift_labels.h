/* Does a model still tell right, by the labels that people gave and somebody reviewed? */
#ifndef DESY_EVAL_DRIFT_LABELS_H
#define DESY_EVAL_DRIFT_LABELS_H

#include "eval/drift.h"
#include "eval/feedback.h"

#define DESY_LABELS_LEAST 50       /* videos; of fewer, */
#define DESY_LABELS_LEAST_CLASS 10 /* or fewer of a class, nothing is said */
#define DESY_LABELS_AUC_LOST .05   /* that calls for a retraining */
#define DESY_LABELS_ECE .1         /* from which on calibration is amiss, if chance does not explain it */

struct desy_drift_labels {
    size_t accepted, used;     /* records; videos, each once */
    size_t pending, rejected, conflicting, other_models, unscored; /* records left out: and why: labels of one video that differ, of another model, without a confidence */
    size_t from_web;           /* of the used ones */
    int64_t n_pos, n_neg;
    bool both;                 /* classes; else the next two are not set */
    double auc, auc_ci[2];     /* of the confidences, 95 % (eval/ranking.h) */
    double brier, ece, ece_expected_95; /* eval/calibration.h, bins of equal width; what 95 of 100 perfectly calibrated models would stay below on these videos */
    double threshold;
    int64_t right;             /* at the threshold */
    double trained_auc;        /* out-of-fold, of the training; NaN: not known */
    /* drift: the interval of the AUC lies by .05 or more below trained_auc, and no record came from the web, where people report what is wrong; watch: it lies below it; or ECE >= .1 and above what
     * chance gives. */
    enum desy_drift_status ranking, calibration, status;
};

/* Of records that were accepted and are of this model (or name none). threshold: of the model, on the probability. Not collective. DESY_EENV: memory. */
int desy_drift_labels_measure(const struct desy_feedback *feedback, const char *model, double threshold, double trained_auc, uint64_t seed, struct desy_drift_labels *labels);

#endif
