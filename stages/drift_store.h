/* Inside stages/: a store as rows for desy drift. */
#ifndef DESY_STAGES_DRIFT_STORE_H
#define DESY_STAGES_DRIFT_STORE_H

#include "eval/drift_reference.h"
#include "mpi/world.h"
#include "train/classifier.h"

/* device: as options name it. Not collective. */
int desy_drift_open_model(desy_classifier **classifier, const char *model, const char *device, const desy_world *world);

/* Collective; agreed. Scores every item of the store, labelled or not, each rank its share; rank 0 gets all rows, in the order of the data set, with summaries of their features where the reference has
 * such. *same: the training part of the store is what the model was trained on. DESY_EDATA: the store does not fit the model, or can't be read. */
int desy_drift_score_store(desy_world *world, desy_classifier *classifier, const char *model, const char *store, const struct desy_drift_reference *reference, struct desy_drift_rows *rows, bool *same);

#endif
