/* Inside features/: how a data set's table is filled. */
#ifndef DESY_FEATURES_DATASET_TABLE_H
#define DESY_FEATURES_DATASET_TABLE_H

#include "features/dataset.h"

int desy_dataset_new(desy_dataset **dataset, const char *root);
/* Copies the item. *twice: one of this id was there before (and nothing was added). */
int desy_dataset_add(desy_dataset *dataset, const struct desy_item *item, bool *twice);

#endif
