/* Inside train/: how much the classes count in a full form's loss. */
#ifndef DESY_TRAIN_CLASS_WEIGHTS_H
#define DESY_TRAIN_CLASS_WEIGHTS_H

#include "train/fit.h"

/* Sample weights of a fit whose classes are balanced (train/training_set.h), so that class c has of_class[c] for each of its clips and, within
 * it, sources keep their shares. of_class {1, 1}: no class weights. weights (fit->total). Not collective; the same on every rank. */
void desy_class_weights(const struct desy_fit *fit, const double of_class[2], double *weights);

#endif
