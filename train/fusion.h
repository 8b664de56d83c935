/* Inside train/: from out-of-fold logits of the channels to one calibrated logit, and the threshold. */
#ifndef DESY_TRAIN_FUSION_H
#define DESY_TRAIN_FUSION_H

#include "train/ensemble.h"
#include "train/fit.h"

/* logits (total, ensemble->n): out-of-fold, of every rank's items, the same on all; those of items without a weight are not read.
 * Weights of the levels by logistic regression (C = .03), where an item that lacks a level counts as the mean, 0; its output and each level then
 * calibrated by Platt's logistic regression on one input (C = 1); weights make the classes equal, so logits hold at prior .5. Collective. */
int desy_fusion_fit(const struct desy_fit *fit, const double *logits, struct desy_ensemble *ensemble);

/* The cut on probabilities with the largest balanced accuracy over items with a weight, of those with no more than that share of
 * the real ones above them: .5 or midway between neighbours; among equals the one nearest to .5. logits (total), fused. Not
 * collective. DESY_EENV: memory. */
int desy_choose_threshold(const struct desy_fit *fit, const double *logits, double most_false_alarms, double *threshold);

/* Area under the ROC curve of items with a weight, ties counted half; NaN if a class is missing. Not collective. */
int desy_fit_auc(const struct desy_fit *fit, const double *logits, double *auc);
/* Weighted mean of the log loss of sigmoid(logit); and the share of items on the right side of 0. Not collective. */
void desy_fit_log_loss(const struct desy_fit *fit, const double *logits, double *loss, double *accuracy);
/* Weighted mean over items of loss(one) - loss(other), with its standard error (items taken as independent). Not collective. */
void desy_fit_loss_difference(const struct desy_fit *fit, const double *one, const double *other, double *mean, double *error);

#endif
