/* STALL: how usual a clip's frames and steps are among those of real clips; nothing is learnt of generated ones.
 *
 * Both are whitened: W = U diag(1 / sqrt(l + 1e-5)), with U and l the eigenvectors and eigenvalues of the (population) covariance of the
 * real clips' frames, and of their steps f_{t+1} - f_t divided by their length. The log-likelihood of a whitened x of D numbers is
 * that of D independent standard normal ones, -(D ln 2 pi + |x|^2) / 2. A clip's two figures are the largest of its frames and the smallest
 * of its steps, each as a percentile among the training reals (of equal ones half counts as below); the score is their mean, 0 to 1, high
 * for real. A step no longer than 1e-6 of the clip's longest feature vector is none. A clip without steps or of fewer than
 * DESY_TEMPORAL_LEAST_FRAMES frames has no score: a frozen picture would be the most usual of all.
 * The population covariance, what counts as equal or as short, and that steps of rounding are none, are choices of ours. */
#ifndef DESY_TRAIN_STALL_H
#define DESY_TRAIN_STALL_H

#include "mpi/world.h"

enum { DESY_STALL_FRAMES, DESY_STALL_STEPS, DESY_STALL_PARTS };

struct desy_stall {
    int dims; /* D */
    struct desy_stall_part {
        double *mean;      /* (D) */
        double *whitening; /* (D, D): row k is eigenvector k / sqrt(l_k + 1e-5), largest eigenvalue first */
        double *reals;     /* (count), ascending: log-likelihoods of the training reals */
    } parts[DESY_STALL_PARTS];
    size_t count; /* training reals that have a score */
};

struct desy_stall_clip {
    const float *features; /* (n_frames, stride): the first D of a row */
    size_t stride;
    int n_frames;          /* real ones, at most DESY_MAX_FRAMES */
};
/* Clip i of this rank's, borrowed until the next call. */
typedef int desy_stall_reader(void *context, size_t i, struct desy_stall_clip *clip);

/* Collective. Fits to the `count` real clips that this rank reads, each of them three times; the same bits on every rank and at any
 * number of ranks. Caller closes, also after an error. DESY_EDATA: fewer than two real clips with steps, or a number that is not finite. */
int desy_stall_fit(struct desy_stall *stall, desy_world *world, int dims, size_t count, desy_stall_reader *read, void *context);
void desy_stall_close(struct desy_stall *stall);

/* likelihood[DESY_STALL_PARTS]; *present: false for a clip without a score, and then both are 0. DESY_EDATA: n_frames, or not finite. */
int desy_stall_likelihood(const struct desy_stall *stall, double *likelihood, bool *present, const struct desy_stall_clip *clip);
/* The share of training reals below, half of the equal ones among them. */
double desy_stall_percentile(const struct desy_stall *stall, int part, double likelihood);
/* The mean of both percentiles. */
double desy_stall_score(const struct desy_stall *stall, const double *likelihood);

#endif
