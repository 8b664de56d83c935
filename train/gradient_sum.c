#include "train/gradient_sum.h"

#include "base/error.h"
#include "mpi/fixed_sum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int desy_gradient_sum_open(struct desy_gradient_sum *sum, desy_world *world, const struct desy_network_tensor *tensors, size_t n_tensors, size_t count, size_t shards)
{
    const size_t ranks = (size_t)desy_size(world);
    *sum = (struct desy_gradient_sum){.world = world, .tensors = tensors, .n_tensors = n_tensors, .count = count, .shards = shards};
    sum->own = malloc((shards + ranks - 1) / ranks * count * sizeof *sum->own);
    sum->fixed = malloc(count * sizeof *sum->fixed);
    sum->bounds = malloc((n_tensors + 2) * sizeof *sum->bounds);
    return sum->own && sum->fixed && sum->bounds ? DESY_OK : desy_error_memory("gradients");
}

void desy_gradient_sum_close(struct desy_gradient_sum *sum)
{
    free(sum->own);
    free(sum->fixed);
    free(sum->bounds);
    memset(sum, 0, sizeof *sum);
}

int desy_gradient_sum_fast(struct desy_gradient_sum *sum, size_t own, int rc, int *asked, float *gradient)
{
    double flags[] = {rc != DESY_OK, *asked};
    desy_max_f64(sum->world, flags, 2);
    if (flags[0] > 0) return desy_agree(sum->world, rc);
    *asked = (int)flags[1];
    memset(gradient, 0, sum->count * sizeof *gradient);
    for (size_t s = 0; s < own; s++)
        for (size_t i = 0; i < sum->count; i++) gradient[i] += sum->own[s * sum->count + i];
    desy_sum_f32(sum->world, gradient, sum->count);
    return DESY_OK;
}

/* The scales. NaN or infinity stops here on every rank. */
static int find_scales(struct desy_gradient_sum *sum, size_t own, int rc, int *asked)
{
    double *const bounds = sum->bounds, *const failed = bounds + sum->n_tensors, *const wanted = failed + 1;
    for (size_t k = 0; k < sum->n_tensors; k++) {
        bounds[k] = 0;
        for (size_t s = 0; rc == DESY_OK && s < own; s++) {
            const float most = desy_fixed_bound_f32(sum->own + s * sum->count + sum->tensors[k].offset, sum->tensors[k].count);
            if (!(most <= bounds[k]) && !isnan(bounds[k])) bounds[k] = most;
        }
    }
    *failed = rc != DESY_OK;
    *wanted = *asked;
    desy_max_f64(sum->world, bounds, sum->n_tensors + 2);
    if (*failed > 0) return desy_agree(sum->world, rc);
    *asked = (int)*wanted;
    for (size_t k = 0; k < sum->n_tensors; k++) {
        if (!isfinite(bounds[k])) return desy_error(DESY_EDATA, "the gradient of %s is not finite: lower --lr", sum->tensors[k].name);
        bounds[k] = desy_fixed_exponent_f32(bounds[k], sum->shards);
    }
    return DESY_OK;
}

/* Piece by piece, so that the accumulator stays in the cache while all shards are added to it. */
static int add_shards(struct desy_gradient_sum *sum, const struct desy_network_tensor *tensor, size_t own, int exponent)
{
    enum { PIECE = 4096 };
    int rc = DESY_OK;
    for (size_t done = 0; rc == DESY_OK && done < tensor->count; done += PIECE) {
        const size_t n = tensor->count - done < PIECE ? tensor->count - done : PIECE, at = tensor->offset + done;
        memset(sum->fixed + at, 0, n * sizeof *sum->fixed);
        for (size_t s = 0; rc == DESY_OK && s < own; s++) rc = desy_fixed_add_f32(sum->fixed + at, sum->own + s * sum->count + at, n, exponent);
    }
    return rc;
}

/* Nothing can be out of range below the bounds that were just found. */
int desy_gradient_sum_reproducibly(struct desy_gradient_sum *sum, size_t own, int rc, int *asked, float *gradient)
{
    DESY_TRY(find_scales(sum, own, rc, asked));
    for (size_t k = 0; k < sum->n_tensors; k++) DESY_TRY(add_shards(sum, &sum->tensors[k], own, (int)sum->bounds[k]));
    desy_sum_i64(sum->world, sum->fixed, sum->count);
    for (size_t k = 0; k < sum->n_tensors; k++)
        desy_fixed_values_f32(gradient + sum->tensors[k].offset, sum->fixed + sum->tensors[k].offset, sum->tensors[k].count, (int)sum->bounds[k]);
out:
    return rc;
}
