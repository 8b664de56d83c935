/* Intervals and tests in closed form; 95 % throughout. */
#ifndef DESY_EVAL_INTERVAL_H
#define DESY_EVAL_INTERVAL_H

#include <stddef.h>
#include <stdint.h>

#define DESY_NORMAL_QUANTILE 1.959963984540054 /* .975 */

double desy_normal_cdf(double z);
int desy_ascending(const void *left, const void *right); /* of doubles, for qsort */
double desy_normal_quantile(double p); /* 0: -infinity, 1: infinity */

/* Regularised incomplete beta function I_x(a, b), a, b > 0 (continued fraction DLMF 8.17.22), relative error about 1e-13. */
double desy_beta_cdf(double x, double a, double b);

/* Clopper & Pearson (Biometrika 1934): the exact interval of a rate of which k of n (> 0) were seen, by quantiles of the beta distribution. */
void desy_clopper_pearson(int64_t k, int64_t n, double interval[2]);

/* McNemar's exact test: two-sided p value of k of n changes going one way where either is as likely. n 0: 1. */
double desy_mcnemar(int64_t k, int64_t n);

/* Percentile interval of n resampled values, which are sorted: quantiles straight between order statistics, as numpy.quantile. NaN where there are none. */
void desy_percentiles(double *values, size_t n, double interval[2]);

/* BCa (Efron, JASA 1987) of n sorted values: bias by the share of them below the estimate (those equal to it count half), and the acceleration. The percentile interval where
 * all or none lie below. */
void desy_bca(const double *sorted, size_t n, double estimate, double acceleration, double interval[2]);

#endif
