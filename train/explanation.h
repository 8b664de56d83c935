/* What spoke for and against: a score in terms of levels, channels and groups of inputs, beside typical real and AI-generated clips. */
#ifndef DESY_TRAIN_EXPLANATION_H
#define DESY_TRAIN_EXPLANATION_H

#include "train/classifier.h"

/* New; caller deletes. level: enum desy_level, -1: the fused logit. All contributions are in units of that logit:
 *   logit = bias + sum of levels[].contribution; a level's is the sum of its channels[].contribution; a linear channel's is its constant
 *   and the sum of its blocks[].contribution.
 * typical_real and typical_ai beside each are means over the training clips; absent where the model has none. `says` is "ai" or "real" where the
 * contribution lies a tenth of a logit or more to that side of the middle of the two (without them: of 0), else "nothing".
 * words: sentences, strongest first. Not collective. */
int desy_classifier_explain(const desy_classifier *classifier, const struct desy_score *score, int level, cJSON **explanation);

#endif
