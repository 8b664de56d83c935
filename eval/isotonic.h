/* Isotonic regression of the label on the score: the rising curve that is nearest to the labels, by pooling adjacent violators (Ayer et al., Ann. Math. Stat. 1955). */
#ifndef DESY_EVAL_ISOTONIC_H
#define DESY_EVAL_ISOTONIC_H

#include "eval/ranking.h"

struct desy_isotonic_block { /* clips of neighbouring scores that share one share of AI-generated ones */
    double low, high; /* the first and the last score */
    int64_t pos, all;
};

struct desy_isotonic {
    struct desy_isotonic_block *blocks; /* ascending in score and in pos / all */
    size_t n;
};

/* Collective; agreed. Each rank pools its own scores, and then what the ranks found, which is the same (pooling may be done in any order; Robertson, Wright & Dykstra 1988, 1.4).
 * Shares of blocks rise, so that there are at most some N^(2/3): every rank holds all. By integers: exact. DESY_EENV: memory. */
int desy_isotonic_fit(desy_world *world, const desy_ranking *ranking, struct desy_isotonic *isotonic);
/* Within a block its share; straight between blocks; beyond the ends what the ends have: as scikit-learn's IsotonicRegression(out_of_bounds="clip"). At least one block. */
double desy_isotonic_at(const struct desy_isotonic *isotonic, double score);
void desy_isotonic_close(struct desy_isotonic *isotonic);

#endif
