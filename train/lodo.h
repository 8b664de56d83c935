/* Leaving sources out: a model is fitted to what is left and scores what was left out (the protocol `lodo`, docs/evaluation.md). */
#ifndef DESY_TRAIN_LODO_H
#define DESY_TRAIN_LODO_H

#include "train/probes.h"
#include "train/train.h"

/* What is scored, all of it high for AI-generated: everything fused, calibrated; each level, calibrated; the probe on metadata; STALL; each temporal
 * channel alone; and each beside the fused logit, which shows what it would add. */
enum {
    DESY_LODO_FUSED, DESY_LODO_LOW, DESY_LODO_MID, DESY_LODO_HIGH, DESY_LODO_METADATA, DESY_LODO_STALL,
    DESY_LODO_CHANNELS, /* from here on */
    DESY_LODO_BESIDE = DESY_LODO_CHANNELS + DESY_TEMPORAL_CHANNELS,
    DESY_LODO_KINDS = DESY_LODO_BESIDE + DESY_TEMPORAL_CHANNELS
};
/* "fused", "low", ..., "stall", "d3", ..., "fused+d3", ... */
void desy_lodo_kind_name(char name[24], int kind);

/* The parts of set->items say what is fitted to (train) and what is not; they may have changed since the last call. stall (total): desy_probe_stall
 * of these parts. scores (total, DESY_LODO_KINDS): of every row; NaN for what the extractor or the clip does not have. threshold: on the probability,
 * with the best balanced accuracy out of fold. The set is one rank's. DESY_EDATA: what is left cannot be learnt from. */
int desy_lodo_fit(struct desy_training_set *set, const struct desy_probes *probes, const double *stall, const struct desy_train_options *options, double *scores,
                  double *threshold);

/* How well the same heads tell real sources from real ones: the parts and labels of set->items say which halves. *auc: out of fold, folds by
 * clip or group. */
int desy_lodo_real_against_real(struct desy_training_set *set, const struct desy_train_options *options, double *auc);

#endif
