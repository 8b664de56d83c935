/* Inside train/: full forms, trained by gradient over epochs, data-parallel. */
#ifndef DESY_TRAIN_EPOCHS_H
#define DESY_TRAIN_EPOCHS_H

#include "train/checkpoint.h"
#include "train/curve.h"
#include "train/head.h"
#include "train/train.h"

/* A batch is so many virtual shards at most, whatever the number of ranks; a rank takes whole shards. */
#define DESY_VIRTUAL_SHARDS 8

/* Collective. Standardises the channel's columns over the fit's items, then trains its network: shuffles that are a function of
 * (seed, stream, epoch), steps as the options say, and early stopping on the log loss of `validation`'s items (weighted); the best epoch's
 * parameters stay. Gradients of the virtual shards are summed in int64 fixed point with a scale for each tensor and step,
 * so that any number of ranks gives the same bits; options->fast sums floats. ids (total): item ids, for dropout.
 * `name`: what the log calls this fit; `every_epoch`: a line for each, else one at the end. `checkpoints` (NULL: none): the fit goes on from its newest one, and keeps one for each epoch (if they take a twentieth of the
 * time at most), every so many minutes, and when a signal came. DESY_EINTERRUPTED: that, at any rank; all stop after the same step. DESY_EDATA: the loss is not finite any more. */
int desy_head_fit_full(const struct desy_fit *fit, const struct desy_fit *validation, const uint64_t *ids, const struct desy_channel *channel,
                       const struct desy_layout *layout, const struct desy_train_options *options, struct desy_checkpoints *checkpoints, uint64_t stream, const char *name, bool every_epoch,
                       struct desy_head *head, struct desy_curve *curve);

#endif
