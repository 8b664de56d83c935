/* Inside train/: the gradients of a step's virtual shards, summed over all ranks. */
#ifndef DESY_TRAIN_GRADIENT_SUM_H
#define DESY_TRAIN_GRADIENT_SUM_H

#include "model/model.h"
#include "mpi/tree_sum.h"

struct desy_gradient_sum {
    desy_world *world;
    const struct desy_network_tensor *tensors; /* (n_tensors), borrowed */
    size_t n_tensors, count;                   /* floats of a gradient */
    size_t first, own;                         /* this rank's shards: `own` from `first` on; a single one is every rank's */
    desy_tree_sum *tree;
};

/* DESY_EENV: memory. Not collective. */
int desy_gradient_sum_open(struct desy_gradient_sum *sum, desy_world *world, const struct desy_network_tensor *tensors, size_t n_tensors, size_t count, size_t shards);
/* Where the gradient of this rank's shard k goes, k = 0 being its first: (count). */
float *desy_gradient_sum_shard(struct desy_gradient_sum *sum, size_t k);
/* Collective. rc: how this rank's shards went; a failure of one rank is one of all. *asked: what this rank asks for; the largest of all ranks' comes back. */
int desy_gradient_agree(struct desy_gradient_sum *sum, int rc, int *asked);
/* Collective, unless there is one shard. The sum of the first `present` shards (count), the caller's to change until the next step, added up in an order that hangs on their number
 * alone (mpi/tree_sum.h). */
float *desy_gradient_sum_finish(struct desy_gradient_sum *sum, size_t present);
/* DESY_EDATA, on all ranks: the sum is not finite, and in which tensor. Not collective. */
int desy_gradient_check(const struct desy_gradient_sum *sum, const float *gradient);
void desy_gradient_sum_close(struct desy_gradient_sum *sum);

#endif
