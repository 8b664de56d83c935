/* From decoded frames to network input: 8-bit resizes, written so that the same frame gives the same bytes everywhere. */
#ifndef DESY_FEATURES_TRANSFORM_H
#define DESY_FEATURES_TRANSFORM_H

#include "features/clip.h"
#include "features/video.h"

/* out (224, 224, 3). DESY_EENV: memory. The exact arithmetic of each kind is documented in transform.c. */
int desy_transform_frame(uint8_t *out, const struct desy_frame *frame, enum desy_transform transform);

#endif
