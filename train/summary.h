/* Inside train/, and for whoever compares clips of later days with those of the training: a few numbers that say what a clip's features are like. Not collective. */
#ifndef DESY_TRAIN_SUMMARY_H
#define DESY_TRAIN_SUMMARY_H

#include "train/evidence.h"

#define DESY_SUMMARY_MOST (DESY_MAX_GROUPS + DESY_MAX_CHANNELS)
#define DESY_SUMMARY_NAME 64

/* How many: one for each group of train/evidence.h, then one for each channel whose inputs are standardised. */
int desy_summary_columns(const struct desy_evidence *evidence, const struct desy_ensemble *ensemble);
/* "e coarse", "mean encoder": channel, block, part; "e distance". */
void desy_summary_name(char name[DESY_SUMMARY_NAME], const struct desy_evidence *evidence, const struct desy_ensemble *ensemble, int column);
/* columns[desy_summary_columns] of a score that is finished, the means over its windows: the mean standardised number of a group, within [-3, 3]; a channel's
 * desy_evidence_distance. NaN: the clip has not what the channel reads. */
void desy_summary_take(const struct desy_evidence *evidence, const struct desy_ensemble *ensemble, const struct desy_score *score, double *columns);

#endif
