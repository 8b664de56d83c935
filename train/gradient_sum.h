/* Inside train/: the gradients of a step's virtual shards, summed over all ranks. */
#ifndef DESY_TRAIN_GRADIENT_SUM_H
#define DESY_TRAIN_GRADIENT_SUM_H

#include "model/model.h"
#include "mpi/world.h"

struct desy_gradient_sum {
    desy_world *world;
    const struct desy_network_tensor *tensors; /* (n_tensors), borrowed */
    size_t n_tensors, count;                   /* floats of a gradient */
    size_t shards;                             /* of all ranks, at most */
    float *own;                                /* (this rank's shards, count): the caller fills them */
    int64_t *fixed;                            /* (count) */
    double *bounds;                            /* (n_tensors + 2) */
};

/* DESY_EENV: memory. Not collective. */
int desy_gradient_sum_open(struct desy_gradient_sum *sum, desy_world *world, const struct desy_network_tensor *tensors, size_t n_tensors, size_t count, size_t shards);
void desy_gradient_sum_close(struct desy_gradient_sum *sum);

/* Collective. gradient (count) gets the sum of the first `own` gradients of every rank. rc: how this rank's went; a failure of one rank is one of all.
 * *asked: what this rank asks for; the largest of all ranks' comes back.
 * Reproducibly: in int64 fixed point with a scale for each tensor, from its largest magnitude in any shard: the same bits at any number of ranks.
 * DESY_EDATA: a gradient is not finite. */
int desy_gradient_sum_reproducibly(struct desy_gradient_sum *sum, size_t own, int rc, int *asked, float *gradient);
/* In floats, in an order that is MPI's. */
int desy_gradient_sum_fast(struct desy_gradient_sum *sum, size_t own, int rc, int *asked, float *gradient);

#endif
