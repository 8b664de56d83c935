/* From decoded frames to network input: 8-bit resizes, written so that the same frame gives the same bytes everywhere. */
#ifndef DESY_FEATURES_TRANSFORM_H
#define DESY_FEATURES_TRANSFORM_H

#include "features/clip.h"
#include "features/resize.h"
#include "features/video.h"

/* The weights of both axes, kept from frame to frame while size and kind stay the same. Zeroed at first. */
struct desy_transform_axes {
    int width, height;
    enum desy_transform transform;
    struct desy_axis vertical, horizontal;
};

/* out (224, 224, 3). DESY_EENV: memory. The exact arithmetic of each kind is documented in transform.c. */
int desy_transform_frame(uint8_t *out, const struct desy_frame *frame, enum desy_transform transform, struct desy_transform_axes *axes);
void desy_transform_axes_close(struct desy_transform_axes *axes);

#endif
