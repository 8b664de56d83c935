/* desy train --lr-find. */
#ifndef DESY_STAGES_LR_FIND_H
#define DESY_STAGES_LR_FIND_H

#include "stages/stage.h"
#include "train/train.h"

/* Collective. Searches, and prints a table with a curve or, with --json, all numbers. */
int desy_lr_find(struct desy_invocation *invocation, desy_store *store, const struct desy_train_options *options);

#endif
