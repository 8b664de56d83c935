/* Pixels as they were decoded, never rescaled: what generators and codecs leave in single pixels does not survive a resize. */
#ifndef DESY_FEATURES_CROP_H
#define DESY_FEATURES_CROP_H

#include "features/video.h"

/* out (224, 224, 3): the middle of the frame's RGB. Of a side of n >= 224 pixels from 8 floor((n - 224) / 16) on: the 8 x 8 blocks of the codec,
 * which begin at the frame's corner, then begin at the crop's corner too, and so do the 2 x 2 pixels that share a chroma sample. A shorter
 * side begins at pixel 8 floor((224 - n) / 16) of the crop, for the same reason, and is mirrored beyond its borders without repeating
 * the border pixel, as often as needed. */
void desy_crop_frame(uint8_t *out, const struct desy_frame *frame);

/* Fills those of the clip's crops that are of its frame k: crop i is of frame min(rint(i (T - 1) / 3), n - 1), T frames wanted, n = clip->frames. */
void desy_crop_clip(struct desy_clip *clip, int k, int wanted, const struct desy_frame *frame);

#endif
