/* Inside stages/: `desy eval STORE --protocol lodo`. */
#ifndef DESY_STAGES_LODO_H
#define DESY_STAGES_LODO_H

#include "stages/stage.h"

/* For each AI source and each of 4 groups of real sources a model is fitted without both (small forms), and scores both. Writes lodo.json under
 * `directory`. most_false_alarms: of the thresholds (train/train.h). Collective: ranks share the cells. DESY_EDATA: too few sources. */
int desy_lodo_stage(struct desy_invocation *invocation, const char *store, const char *directory, double most_false_alarms);

#endif
