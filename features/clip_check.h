/* A clip out of a decode helper, which may have been taken over by the video it read. */
#ifndef DESY_FEATURES_CLIP_CHECK_H
#define DESY_FEATURES_CLIP_CHECK_H

#include "features/clip.h"

/* Copies the header and the frames in use from shared memory, and checks the copy: every count within its bounds, frames
 * ascending, numbers finite, strings ended and printable (made so). False: nonsense. */
bool desy_clip_copy(struct desy_clip *copy, const struct desy_clip *shared, const struct desy_clip_request *request);

#endif
