/* What decides the numbers of an extraction, as a store and a model keep it. Not collective. */
#ifndef DESY_FEATURES_EXTRACT_CONFIG_H
#define DESY_FEATURES_EXTRACT_CONFIG_H

#include "features/extractor.h"

#include <cjson/cJSON.h>

/* The configuration of this process, resolved; caller deletes. `state` is the extractor's; views: of each item, beside the original. DESY_EENV: memory. */
int desy_extract_config(cJSON **config, const struct desy_extractor *extractor, void *state, const struct desy_clip_request *request, int views);
/* Members that differ, in words ("isa: AVX512 there, AVX2 here"); "" if none. New string; NULL: no memory. */
char *desy_extract_differences(const cJSON *there, const cJSON *here);

#endif
