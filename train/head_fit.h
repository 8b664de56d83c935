/* Inside train/: channels are fitted to items spread over the ranks, and give their logits. */
#ifndef DESY_TRAIN_HEAD_FIT_H
#define DESY_TRAIN_HEAD_FIT_H

#include "train/fit.h"
#include "train/head.h"

/* Collective. Small form: standardise, 80 principal components over their mean deviation, logistic regression with C = .3
 * (reference: scikit-learn's LogisticRegression; settings measured, docs/features.md), folded into one direction. */
int desy_head_fit_small(const struct desy_fit *fit, const struct desy_channel *channel, const struct desy_layout *layout, struct desy_head *head);

/* Collective: mean and deviation of the raw logits over the fit's items. */
int desy_head_standardise(const struct desy_fit *fit, struct desy_head *head);

/* Collective: median and scale of the inputs over the fit's items; of frames those of their means, of crops and audio nothing. */
int desy_head_standardise_inputs(const struct desy_fit *fit, struct desy_head *head);

/* Standardised logits of this rank's rows first, ..., first + n - 1 of the fit, read from the store where the channel takes more than pooled numbers; NaN: the
 * clip has not what it reads. Not collective. */
int desy_head_fit_logits(const struct desy_head *head, const struct desy_fit *fit, size_t first, size_t n, double *logits);
/* Of those rows of this rank that the fit has a weight for; the others of logits (count) stay as they are. Not collective. */
int desy_head_chosen_logits(const struct desy_head *head, const struct desy_fit *fit, double *logits);

#endif
