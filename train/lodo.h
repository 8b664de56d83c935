/* Leaving sources out: a model is fitted to what is left and scores what was left out (the protocol `lodo`, docs/evaluation.md). */
#ifndef DESY_TRAIN_LODO_H
#define DESY_TRAIN_LODO_H

#include "train/train.h"
#include "train/training_set.h"

/* What is scored: logits of everything fused, calibrated; of each level, calibrated; and of the probe on metadata. */
enum { DESY_LODO_FUSED, DESY_LODO_LOW, DESY_LODO_MID, DESY_LODO_HIGH, DESY_LODO_METADATA, DESY_LODO_KINDS };

/* Metadata of a clip for the probe: what a format tells without a look at the pictures. (total, DESY_LODO_FACTS) */
enum { DESY_LODO_FACTS = 10 };
struct desy_store_row;
void desy_lodo_facts(float facts[DESY_LODO_FACTS], const struct desy_store_row *row);

/* The parts of set->items say what is fitted to (train) and what is not; they may have changed since the last call. scores
 * (total, DESY_LODO_KINDS): of every row; NaN for a level that the extractor does not have. threshold: on the probability, with the best balanced
 * accuracy out of fold. Collective over set->world; every rank must hold the same parts. DESY_EDATA: what is left cannot be learnt from. */
int desy_lodo_fit(struct desy_training_set *set, const float *facts, const struct desy_train_options *options, double *scores, double *threshold);

/* How well the same heads tell real sources from real ones: the parts and labels of set->items say which halves. *auc: out of fold, folds by
 * clip or group. */
int desy_lodo_real_against_real(struct desy_training_set *set, const struct desy_train_options *options, double *auc);

#endif
