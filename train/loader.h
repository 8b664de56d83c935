/* Inside train/: the inputs of a network's batches, in an epoch's order. A rank has whole virtual shards of a batch.
 *
 * Of pooled vectors, which are spread over the ranks, all ranks gather the next some hundred at once. Frames, crops and sound are read from the store by
 * hyperslabs (train/reading.h), the rank's own alone, by a thread that is some batches ahead: what is in memory does not grow with the data. */
#ifndef DESY_TRAIN_LOADER_H
#define DESY_TRAIN_LOADER_H

#include "train/head.h"

typedef struct desy_loader desy_loader;

struct desy_loader_options {
    const struct desy_fit *fit;
    const struct desy_head *head;           /* standardises */
    const uint32_t *chosen;                 /* (n): rows of the fit */
    size_t n, batch, shard_rows;            /* a batch is whole shards of so many rows, the last one of an epoch padded */
    size_t first, own;                      /* this rank's shards: train/gradient_sum.h */
};

/* `options` is copied, what it points to borrowed. Not collective. DESY_EENV: memory. */
int desy_loader_open(desy_loader **loader, const struct desy_loader_options *options);
/* An epoch in the order of `order` (n), borrowed, from item `from` on, where a batch begins. Not collective. */
int desy_loader_begin(desy_loader *loader, const uint32_t *order, size_t from);
/* Collective. The inputs of the next batch: x (own, shard_rows, frames, inputs) and lengths (own, shard_rows), NULL for pooled vectors;
 * borrowed until the next call. What is padding is zeros and one frame. A failure of pooled vectors is the same on all ranks; what can't be
 * read from the store fails on the rank that reads it, which all ranks must agree on. */
int desy_loader_next(desy_loader *loader, const void **x, const int32_t **lengths);
void desy_loader_close(desy_loader **loader); /* NULL-safe */

#endif
