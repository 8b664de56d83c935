/* Inside train/: what model.json says of typical clips, for explanations, and of where the model should not be trusted. */
#ifndef DESY_TRAIN_REFERENCE_H
#define DESY_TRAIN_REFERENCE_H

#include "train/fitting.h"

#include <cjson/cJSON.h>

/* How far, in logits, the band of too few right verdicts reaches from the threshold `middle`, to the side of those called AI-generated (`above`) or
 * real: being right, over items of that side with a weight, is made to rise with the distance (isotonic regression by pooling adjacent
 * violators, weighted); the band ends with the last one whose fitted share of right verdicts is below `share`. 0: none is. Not collective.
 * DESY_EENV: memory. */
int desy_undecided_band(const struct desy_fit *fit, const double *logits, double middle, double share, bool above, double *width);

/* Collective. The members "reference" and "reliability" of model.json, new, the same on every rank; caller deletes both.
 * reference: means over the training clips of a class (no views) of every channel's logit and every group of train/evidence.h.
 * reliability: the limit of each channel's desy_evidence_distance, and the band of undecided clips. logits (total, channels): of every row by the final channels; fused (total): out-of-fold, of items. */
int desy_reference_describe(const struct desy_fitting *f, const double *logits, const double *fused, double threshold, cJSON **reference, cJSON **reliability);

#endif
