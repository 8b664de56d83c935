/* What an AUC would be if labels meant nothing: labels permuted over the clips. */
#ifndef DESY_EVAL_PERMUTATION_H
#define DESY_EVAL_PERMUTATION_H

#include "eval/sort.h"

#include <stdbool.h>

#define DESY_PERMUTATIONS 1000
#define DESY_PERMUTED_MOST 20000 /* clips: beyond, the normal distribution of the Mann-Whitney statistic is as good */

struct desy_permutation {
    double auc;              /* of the labels as they are */
    double mean, band[2];    /* over permutations, and the middle 95 % of them */
    double p;                /* one-sided: (1 + permutations with an AUC no smaller) / (1 + permutations) */
    int permutations;        /* 0: by the normal distribution, its variance corrected for ties (Lehmann, Nonparametrics, 1975, 1.4) */
};

/* Collective; agreed. Both classes present. Permutations are dealt to the ranks; numbers are a function of (seed, stream + permutation, clip). DESY_EENV: memory, 16 bytes a
 * clip on every rank for at most DESY_PERMUTED_MOST of them. */
int desy_permutation_test(desy_world *world, const struct desy_ranked *mine, size_t n, uint64_t seed, uint64_t stream, struct desy_permutation *test);

#endif
