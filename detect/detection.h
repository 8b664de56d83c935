/* The JSON object of a video as the structure of desy.h. */
#ifndef DESY_DETECT_DETECTION_H
#define DESY_DETECT_DETECTION_H

#include "desy.h"

#include <cjson/cJSON.h>

/* New, in one piece, for free; NULL: no memory. */
struct desy_detection *desy_detection_of(const cJSON *result);

#endif
