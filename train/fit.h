/* Inside train/: what is fitted to items spread over the ranks. All collective; every result is the same to the bit on every rank
 * and at any number of ranks: counts are integers, sums are fixed point (mpi/fixed_sum.h), the rest is done alike by all. */
#ifndef DESY_TRAIN_FIT_H
#define DESY_TRAIN_FIT_H

#include "mpi/world.h"
#include "train/standardise.h"
#include "train/stored.h"

#include <stddef.h>
#include <stdint.h>

/* Ranks take whole tiles of this many consecutive rows: sums within a tile are plain, and so the same everywhere. */
#define DESY_TILE 32
void desy_tile_share(size_t total, int rank, int ranks, size_t *first, size_t *count);

/* Items of one fit: rows of pooled vectors with labels and sample weights. */
struct desy_fit {
    desy_world *world;
    const float *vectors;     /* (count, stride): this rank's */
    size_t stride, first, count;
    size_t total;             /* of all ranks */
    const double *weights;    /* (total); 0: left out */
    const uint8_t *labels;    /* (total) */
    size_t chosen;            /* those with a weight */
    const struct desy_stored *stored; /* all rows as the store has them; NULL: they are not at hand */
};

/* Exact median and standard deviation + 1e-6 of `inputs` columns from `offset` on, over the chosen items, unweighted. */
int desy_fit_standardise(const struct desy_fit *fit, int offset, int inputs, double *median, double *scale);

/* Principal components of the standardised columns: centre (inputs), basis (*components, inputs), *components <= most;
 * *spread: the mean over components of their standard deviation. Of n <= inputs items by their Gram matrix, else by covariance. */
int desy_fit_principal(const struct desy_fit *fit, int offset, int inputs, const double *median, const double *scale, int most,
                       int *components, double *centre, double *basis, double *spread);

/* Logistic regression with an L2 penalty: minimises |w|^2 / 2 + C sum_i weight_i loss_i; the intercept is free. Newton to a
 * gradient of 1e-8 of the weights' sum. x (count, k) of this rank; theta[k + 1]: w, intercept. k <= DESY_LOGISTIC_MOST. */
#define DESY_LOGISTIC_MOST 96
int desy_fit_logistic(const struct desy_fit *fit, const double *x, int k, double C, double *theta);

/* -ln of the probability that sigmoid(logit) gives to the label, 0 or 1; without overflow. Not collective. */
double desy_log_loss(double logit, int label);

/* Mean and deviation of one number an item over the chosen ones; values (count). */
int desy_fit_moments(const struct desy_fit *fit, const double *values, double *mean, double *deviation);

#endif
