/* What follows from the order of the scores alone: exact at any number of ranks, from integers. Labels: 1 AI (positive), 0 real.
 *
 * A distributed sample sort (Frazer & McKellar, JACM 1970) of the scores as integer keys (eval/keys.h), those of each class by themselves, so that no label is
 * kept. A score at which two ranks' parts meet is counted where it lies, never sent: one that very many share would else need all their memory on one rank. */
#ifndef DESY_EVAL_RANKING_H
#define DESY_EVAL_RANKING_H

#include "mpi/world.h"

#define DESY_MOST_FPR .1 /* of the partial area */
#define DESY_FPR_LIMITS 3
extern const double desy_fpr_limits[DESY_FPR_LIMITS]; /* .05, .01, .001 */

struct desy_group { /* clips of one score */
    double score;
    int64_t pos, neg;
    int64_t tp, fp; /* counts of positives and negatives at this score or above, over all ranks */
};

/* The largest TPR whose FPR is at most the limit, at the highest threshold that gives it. tp 0: no threshold does. */
struct desy_fpr_point { int64_t tp, fp; double threshold; };

typedef struct desy_ranking {
    bool wide;               /* keys are uint64_t, of doubles; else uint32_t, of floats */
    void *keys[2];           /* [label]: this rank's part, ascending: scores descending */
    size_t n_keys[2];
    struct desy_group tie;   /* below them, the score at which the next rank's part begins; no clips: none. tp, fp not set */
    int64_t before[2];       /* [label]: on the ranks above */
    int64_t neg, pos;        /* over all ranks */
    int64_t all_groups, first_group; /* number over all ranks; index of this rank's first */
    /* Both classes present (pos > 0 and neg > 0); else not set: */
    double auc;                  /* area under the ROC curve: the share of (AI, real) pairs ranked right, ties half */
    double average_precision[2]; /* sum of (R_k - R_{k-1}) P_k, as scikit-learn's: [0] AI positive, [1] real positive (scores negated) */
    double equal_error_rate;     /* where FPR = FNR on the ROC curve, straight between its points */
    double partial_auc;          /* area under the ROC curve up to DESY_MOST_FPR */
    double partial_auc_standardised; /* .5: as chance, 1: perfect (McClish, Medical Decision Making 1989), as scikit-learn's roc_auc_score(max_fpr) */
    struct desy_fpr_point at_fpr[DESY_FPR_LIMITS];
} desy_ranking;

/* Collective; agreed. Sorts, groups, and computes the figures in one pass. scores[n]: finite, but for NaN: none, left out; labels[n]: 0 or 1; both borrowed.
 * Memory: twice the keys of N / P scores, 8 bytes each (of floats: 4), whatever their values. DESY_EENV: memory. The product of both classes' clips must be below 4.6e18 (2.1e9 of each). */
int desy_ranking_open(desy_world *world, const double *scores, const uint8_t *labels, size_t n, desy_ranking *ranking);
int desy_ranking_open_floats(desy_world *world, const float *scores, const uint8_t *labels, size_t n, desy_ranking *ranking);
void desy_ranking_close(desy_ranking *ranking);

/* This rank's groups, a few at a time: descending scores, or (backwards) ascending. Not collective. */
#define DESY_GROUPS 256
struct desy_groups {
    const desy_ranking *ranking;
    bool backwards;
    bool tie_left;
    size_t at[2];     /* [label]: keys gone by, or (backwards) still to come */
    int64_t seen[2];  /* [label]: at the last group or above, over all ranks; backwards: at the next */
    size_t n;
    struct desy_group group[DESY_GROUPS];
};
void desy_groups_open(struct desy_groups *groups, const desy_ranking *ranking, bool backwards);
bool desy_groups_next(struct desy_groups *groups); /* false: none are left, and n is 0 */

/* Collective; agreed; both classes present. 95 % interval of the AUC over clips. DeLong, DeLong & Clarke-Pearson (Biometrics 1988) from placements; where their
 * variance is 0 (perfect separation), Newcombe's method 5 (Statistics in Medicine 2006). *method: its name. */
int desy_ranking_auc_interval(desy_world *world, const desy_ranking *ranking, double interval[2], const char **method);

#endif
