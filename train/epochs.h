/* Inside train/: full forms, trained by gradient over epochs, data-parallel. */
#ifndef DESY_TRAIN_EPOCHS_H
#define DESY_TRAIN_EPOCHS_H

#include "train/checkpoint.h"
#include "train/curve.h"
#include "train/head.h"
#include "train/rate_sweep.h"
#include "train/train.h"

/* A batch is 8 virtual shards, whatever the number of ranks; more where they would have more than 64 clips, fewer where they would have less than is worth sending a gradient
 * for: 4 clips of frames or sound, 1 of crops, 32 pooled vectors, whose network has a large gradient and little to do. A rank takes whole shards. */
#define DESY_VIRTUAL_SHARDS 8
#define DESY_SHARD_MOST_ROWS 64
size_t desy_shard_least_rows(enum desy_reads reads);

struct desy_full_fit {
    const struct desy_fit *fit, *validation;
    const uint64_t *ids;             /* (total): item ids, for dropout */
    const struct desy_split_item *items; /* (total): sources, for --balance; else NULL */
    const struct desy_channel *channel;
    const struct desy_layout *layout;
    const struct desy_train_options *options;
    struct desy_checkpoints *checkpoints; /* NULL: none. The fit goes on from its newest one, and keeps one for each epoch (if they take a twentieth of the
                                           * time at most), every so many minutes, and when a signal came */
    uint64_t stream;                 /* of random numbers */
    const char *name;                /* what the log calls it */
    bool every_epoch;                /* a line for each, else one at the end */
};

/* Collective. Standardises the channel's columns over the fit's items, then trains its network: shuffles that are a function of
 * (seed, stream, epoch), steps as the options say, and early stopping on the log loss of `validation`'s items (weighted); the best epoch's
 * parameters stay. Gradients of the virtual shards are summed so that any number of ranks gives the same bits (train/gradient_sum.h), unless
 * options->fast. DESY_EINTERRUPTED: a signal came, at any rank; all stop after the same step. DESY_EDATA: the loss is not finite any more. */
int desy_head_fit_full(const struct desy_full_fit *full, struct desy_head *head, struct desy_curve *curve);

/* Collective. Steps of the same fit at the rates of a sweep, from new parameters, in as many epochs as it takes; no checkpoints, no validation. The same
 * losses at any number of ranks. */
int desy_head_sweep_rate(const struct desy_full_fit *full, struct desy_rate_sweep *sweep);

#endif
