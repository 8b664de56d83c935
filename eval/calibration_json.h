#ifndef DESY_EVAL_CALIBRATION_JSON_H
#define DESY_EVAL_CALIBRATION_JSON_H

#include "eval/recalibration.h"

#include <cjson/cJSON.h>

/* Adds the member "calibration" (docs/evaluation.md), with "recalibrated" in it. False: memory. */
bool desy_calibration_json(cJSON *json, const struct desy_calibration *calibration, const struct desy_recalibration *recalibration);

#endif
