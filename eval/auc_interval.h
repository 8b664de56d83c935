/* From an area under the ROC curve to its 95 % interval, and to the smallest area that so many clips would have shown. */
#ifndef DESY_EVAL_AUC_INTERVAL_H
#define DESY_EVAL_AUC_INTERVAL_H

#include <stdint.h>

/* Of pos AI-generated and neg real clips (> 0 each). With a variance > 0 (DeLong's) auc -+ 1.96 deviations within [0, 1], and the method is "DeLong"; else
 * Newcombe's method 5 (Statistics in Medicine 2006), which needs no variance, and "Newcombe". *method: static. */
void desy_auc_interval(double auc, double variance, int64_t pos, int64_t neg, double interval[2], const char **method);

/* The smallest area that a one-sided test of .5 at the level .05 finds with a power of 80 %: the A > .5 with
 *   A - .5 = z(.95) sqrt((pos + neg + 1) / (12 pos neg)) + z(.8) sqrt(V(A)),
 * the first the variance of the Mann-Whitney statistic where labels mean nothing, V(A) that of Hanley & McNeil (Radiology 1982, equation 1):
 *   (A (1 - A) + (pos - 1) (A / (2 - A) - A^2) + (neg - 1) (2 A^2 / (1 + A) - A^2)) / (pos neg).
 * NaN: there is none, so few clips would not show a perfect one. pos, neg > 0. */
double desy_auc_smallest_found(int64_t pos, int64_t neg);

#endif
