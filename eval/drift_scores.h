/* Does a stream of numbers come from where the reference does? Counts between the values of the reference, so that memory is fixed whatever is added; the figures are
 * exact, not binned. For a report, and for a service that is asked again and again. Nothing here is collective; one accumulator serves one thread at a time. */
#ifndef DESY_EVAL_DRIFT_SCORES_H
#define DESY_EVAL_DRIFT_SCORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DESY_PSI_BINS 10
#define DESY_PSI_SMOOTHING .5 /* added to the count of each bin */
#define DESY_PSI_WATCH .1     /* by convention: below .1 nothing has moved, */
#define DESY_PSI_DRIFT .25    /* from .25 on a lot has (Siddiqi, Credit Risk Scorecards, 2006) */
#define DESY_DRIFT_LEAST 50   /* numbers on either side: of fewer nothing is said */

/* All values are rounded to 1e-4, those of the reference too: what differs by less is equal (another processor's last digits are no drift). */
double desy_drift_round(double value);

typedef struct desy_drift_scores {
    double *reference;   /* (n): ascending */
    size_t n;
    int64_t *counts;     /* (2 n + 1): added below reference[0], equal to it, between it and reference[1], ...; of equal ones all are with the first */
    int64_t added;
    double sum;
    double edges[DESY_PSI_BINS]; /* PSI's bins end with these values of the reference; the last is open */
    int bins;
} desy_drift_scores;

/* reference[n]: finite, in any order, copied. DESY_EDATA: none, or one that is not finite; DESY_EENV: memory. */
int desy_drift_scores_open(desy_drift_scores *scores, const double *reference, size_t n);
void desy_drift_scores_close(desy_drift_scores *scores);
/* NaN is left out. O(log n). */
void desy_drift_scores_add(desy_drift_scores *scores, double value);
/* Forgets what was added; the reference stays. */
void desy_drift_scores_clear(desy_drift_scores *scores);

struct desy_drift_figures {
    int64_t n;             /* added */
    double mean, reference_mean;
    double psi;            /* sum over bins of (p - q) ln(p / q), p = (count + .5) / (n + .5 bins) of what was added, q alike of the reference; bins are its tenths */
    double psi_by_chance;  /* what it would be on average if nothing had moved: (bins - 1) (1 / n + 1 / reference) (Yurdakul, PhD thesis, Western Michigan 2018) */
    double ks;             /* largest distance of the two distribution functions (Kolmogorov & Smirnov) */
    double ks_p;           /* desy_kolmogorov_p */
    bool ks_exact;
    double share[DESY_PSI_BINS], reference_share[DESY_PSI_BINS]; /* of each bin, without smoothing */
    int bins;
};
/* O(n) but for an exact p value: up to a tenth of a second, until there are DESY_KOLMOGOROV_EXACT / reference numbers. n 0: every figure but n is NaN, shares of what was added are 0. */
void desy_drift_scores_measure(const desy_drift_scores *scores, struct desy_drift_figures *figures);

#endif
