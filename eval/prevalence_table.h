/* What rates mean where AI-generated videos are rare: of 1,000 flagged, how many are AI-generated? */
#ifndef DESY_EVAL_PREVALENCE_TABLE_H
#define DESY_EVAL_PREVALENCE_TABLE_H

#include "eval/thresholds.h"

/* Adds the member "prevalence_table": .1, 1, 10 and 50 %, at the threshold and at those of a fixed FPR that are measurable (chosen on validation, or else the oracle's).
 * Nothing without both classes. False: memory. */
bool desy_prevalence_table_json(cJSON *json, const struct desy_operating_point *point, const char *threshold_from, const struct desy_thresholds *thresholds);

#endif
