/* Do two sets of vectors come from one distribution? */
#ifndef DESY_EVAL_MMD_H
#define DESY_EVAL_MMD_H

#include <stddef.h>
#include <stdint.h>

#define DESY_MMD_PERMUTATIONS 999
#define DESY_MMD_MOST 256 /* vectors of a set: of more the caller draws */

struct desy_mmd {
    double squared;   /* unbiased estimate of the squared maximum mean discrepancy (Gretton et al., JMLR 2012, equation 3) */
    double bandwidth; /* s of the kernel exp(-|x - y|^2 / (2 s^2)): the median distance of two of all vectors (ibid., section 8) */
    double p;         /* one-sided: (1 + permutations with one no smaller) / (1 + permutations) */
};

/* x (n, columns), y (m, columns), finite; n, m >= 2. Which vectors form a set in permutation k is desy_random_permutation(seed, stream + k). All equal: squared 0, p 1. Not
 * collective. DESY_EENV: memory. */
int desy_mmd_test(const double *x, size_t n, const double *y, size_t m, size_t columns, uint64_t seed, uint64_t stream, struct desy_mmd *test);

#endif
