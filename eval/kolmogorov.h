/* The two-sample test of Kolmogorov and Smirnov. */
#ifndef DESY_EVAL_KOLMOGOROV_H
#define DESY_EVAL_KOLMOGOROV_H

#include <stdbool.h>
#include <stdint.h>

#define DESY_KOLMOGOROV_EXACT 10000000 /* n m up to which it is exact: a tenth of a second */

/* Two-sided p value: the probability that two samples of n and m (> 0) from one continuous distribution have distribution functions that differ somewhere by at least distance / (n m). With
 * ties it errs on the side of caution: it is too large. Exact by the paths of a lattice that leave a band (Hodges, Arkiv for Matematik 1958); above DESY_KOLMOGOROV_EXACT Kolmogorov's
 * distribution with Stephens' correction (JRSS B 1970). *exact: which. */
double desy_kolmogorov_p(int64_t n, int64_t m, int64_t distance, bool *exact);

#endif
