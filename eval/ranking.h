/* What follows from the order of the scores alone: exact at any number of ranks, from integers. Labels: 1 AI (positive), 0 real. */
#ifndef DESY_EVAL_RANKING_H
#define DESY_EVAL_RANKING_H

#include "eval/sort.h"

struct desy_group { /* clips of one score */
    double score;
    int64_t pos, neg;
    int64_t tp, fp; /* counts of positives and negatives at this score or above, over all ranks */
};

typedef struct desy_ranking {
    struct desy_ranked *items; /* this rank's part, descending */
    size_t n_items;
    struct desy_group *groups;
    size_t n_groups;
    int64_t pos, neg;     /* over all ranks */
    int64_t all_groups, first_group; /* number over all ranks; index of this rank's first */
} desy_ranking;

/* Collective. Sorts and groups. DESY_EENV: memory. */
int desy_ranking_open(desy_world *world, const struct desy_ranked *mine, size_t n, desy_ranking *ranking);
void desy_ranking_close(desy_ranking *ranking);

/* All below: collective, both classes present (pos > 0 and neg > 0), codes agreed. */

/* Area under the ROC curve: the share of (AI, real) pairs ranked right, ties half. */
double desy_ranking_auc(desy_world *world, const desy_ranking *ranking);

/* Average precision, sum of (R_k - R_{k-1}) P_k as scikit-learn's: [0] AI positive, [1] real positive (scores negated). */
int desy_ranking_average_precision(desy_world *world, const desy_ranking *ranking, double precision[2]);

/* Equal error rate: where FPR = FNR on the ROC curve, straight between its points. */
double desy_ranking_equal_error_rate(desy_world *world, const desy_ranking *ranking);

/* 95 % interval of the AUC over clips. DeLong, DeLong & Clarke-Pearson (Biometrics 1988) from placements; where their
 * variance is 0 (perfect separation), Newcombe's method 5 (Statistics in Medicine 2006). *method: its name. */
int desy_ranking_auc_interval(desy_world *world, const desy_ranking *ranking, double auc, double interval[2], const char **method);

/* auc[n_sources]: of a source with one class, its clips against all of the other class; of one with both, within it.
 * NaN where the source has no clip. */
int desy_ranking_source_auc(desy_world *world, const desy_ranking *ranking, size_t n_sources, double *auc);

#endif
