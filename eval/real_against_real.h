/* Real against real, folded: how well the detector's own score tells real sources from each other, which tells how much it knows collections again in place of what was
 * generated (the control RvR of VidAudit, arXiv 2606.31004). */
#ifndef DESY_EVAL_REAL_AGAINST_REAL_H
#define DESY_EVAL_REAL_AGAINST_REAL_H

#include "eval/evaluated.h"

#include <stdbool.h>

#define DESY_RVR_SOURCES 20 /* the largest; of 20 all 190 pairs */
#define DESY_RVR_LEAST 5    /* clips of a source */
#define DESY_RVR_CLIPS 500  /* of a source, about: of more a sample is drawn */

struct desy_real_against_real {
    size_t n_sources, pairs;
    int64_t clips;
    bool sampled;
    uint32_t sources[DESY_RVR_SOURCES];
    double mean;               /* over the pairs of max(A, 1 - A), A the area of one source's clips against the other's, ties half */
    double highest;            /* of the pairs, and which: */
    uint32_t highest_pair[2];
    double null_mean, band[2]; /* the same of clips dealt to the sources at random: mean and middle 95 % of DESY_PERMUTATIONS */
    double p;                  /* one-sided */
};

/* Collective; agreed. pairs 0: there are no two real sources of DESY_RVR_LEAST clips. counts (sources.n + 1, 2): desy_evaluated_count. Permutations are dealt to the ranks;
 * a function of seed. DESY_EENV: memory. */
int desy_real_against_real(desy_world *world, const struct desy_evaluated *evaluated, const int64_t *counts, uint64_t seed, struct desy_real_against_real *result);

#endif
