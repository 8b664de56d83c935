/* Thresholds: those of the guide, and those that a rule chooses on one part of the data and that are then looked at on another. */
#ifndef DESY_EVAL_THRESHOLDS_H
#define DESY_EVAL_THRESHOLDS_H

#include "eval/operating_point.h"

/* In words: the largest F1; accuracy; balanced accuracy; Youden's J = TPR - FPR (Cancer 1950; the same threshold as balanced accuracy's, which is (1 + J) / 2); the smallest
 * |FPR - FNR|; the largest TPR with an FPR of at most 5, 1, .1 %, which is not measurable on fewer than 3 / FPR real clips (the rule of three: Hanley & Lippman-Hand, JAMA 1983).
 * Among equals the highest threshold, so that the fewest clips are called AI: a score that occurs, or INFINITY where calling none is best. */
enum desy_threshold_rule {
    DESY_RULE_F1, DESY_RULE_ACCURACY, DESY_RULE_BALANCED_ACCURACY, DESY_RULE_YOUDEN, DESY_RULE_EER,
    DESY_RULE_FPR_5, DESY_RULE_FPR_1, DESY_RULE_FPR_01, DESY_RULES
};
/* "f1", "accuracy", "balanced_accuracy", "youden", "eer", "fpr_0.05", "fpr_0.01", "fpr_0.001". */
const char *desy_rule_name(enum desy_threshold_rule rule);
/* As many real clips must be there that the rate it names can be measured: 3 over it. Of a rule that names none, 1. */
int64_t desy_rule_real_clips(enum desy_threshold_rule rule);

/* Both parts' thresholds, at work on the evaluated part. */
struct desy_thresholds {
    bool chosen, oracle;                              /* whether there are such */
    int64_t validation_neg;                           /* real clips that `chosen` come from */
    struct desy_operating_point of_validation[DESY_RULES]; /* threshold NaN: not measurable */
    struct desy_operating_point of_evaluated[DESY_RULES];  /* fitted to what they are measured on: flattering */
};

/* Collective; agreed. validation: NULL, or a ranking of the part that chooses. Either without both classes: no thresholds of it. By integers: exact. DESY_EENV: memory. */
int desy_thresholds_compute(desy_world *world, const desy_ranking *validation, const desy_ranking *evaluated, struct desy_thresholds *thresholds);
/* Adds the member "thresholds" (docs/evaluation.md) where there are any. False: memory. */
bool desy_thresholds_json(cJSON *json, const struct desy_thresholds *thresholds);

/* The guide's sweep, .3 to .7 in steps of .05 and its .4238, with `own` among them: ascending, once each; *n at most DESY_SWEEP. */
#define DESY_SWEEP 11
void desy_thresholds_sweep(double own, struct desy_operating_point sweep[DESY_SWEEP], size_t *n);

#endif
