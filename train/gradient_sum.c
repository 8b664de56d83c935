#include "train/gradient_sum.h"

#include "base/error.h"
#include "base/finite.h"

#include <string.h>

int desy_gradient_sum_open(struct desy_gradient_sum *sum, desy_world *world, const struct desy_network_tensor *tensors, size_t n_tensors, size_t count, size_t shards)
{
    *sum = (struct desy_gradient_sum){.world = world, .tensors = tensors, .n_tensors = n_tensors, .count = count};
    desy_tree_share(shards, desy_rank(world), desy_size(world), &sum->first, &sum->own);
    return desy_tree_sum_open(&sum->tree, world, shards, count);
}

float *desy_gradient_sum_shard(struct desy_gradient_sum *sum, size_t k)
{
    return desy_tree_sum_leaf(sum->tree, k);
}

void desy_gradient_sum_close(struct desy_gradient_sum *sum)
{
    desy_tree_sum_close(&sum->tree);
    memset(sum, 0, sizeof *sum);
}

int desy_gradient_agree(struct desy_gradient_sum *sum, int rc, int *asked)
{
    double flags[] = {rc != DESY_OK, *asked};
    desy_max_f64(sum->world, flags, 2);
    if (flags[0] > 0) return desy_agree(sum->world, rc);
    *asked = (int)flags[1];
    return DESY_OK;
}

float *desy_gradient_sum_finish(struct desy_gradient_sum *sum, size_t present)
{
    return desy_tree_sum_finish(sum->tree, present);
}

int desy_gradient_check(const struct desy_gradient_sum *sum, const float *gradient)
{
    size_t k = 0;
    if (desy_all_finite(gradient, sum->count)) return DESY_OK;
    while (desy_all_finite(gradient + sum->tensors[k].offset, sum->tensors[k].count)) k++;
    return desy_error(DESY_EDATA, "the gradient of %s is not finite: lower --lr", sum->tensors[k].name);
}
