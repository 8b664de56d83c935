/* The default extractor: 1600 numbers of EfficientNet-Lite0, then 448 forensic ones (features/blocks.h). */
#ifndef DESY_FEATURES_HYBRID_H
#define DESY_FEATURES_HYBRID_H

#include "features/extractor.h"

int desy_hybrid_open(void **state, const struct desy_extractor_options *options);
enum desy_transform desy_hybrid_transform(const void *state);
desy_encoder *desy_hybrid_encoder(void *state);
void desy_hybrid_complete(const struct desy_clip *clip, float *features);
int desy_hybrid_describe(void *state, cJSON *provenance);
void desy_hybrid_close(void **state);

#endif
