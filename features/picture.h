/* Inside features/: a decoded frame as 8-bit luma and RGB. */
#ifndef DESY_FEATURES_PICTURE_H
#define DESY_FEATURES_PICTURE_H

#include "features/video.h"

#include <libavutil/frame.h>
#include <libswscale/swscale.h>

struct desy_picture {
    struct SwsContext *to_rgb, *to_yuv;
    AVFrame *rgb, *yuv;
};

/* `view` borrows from `frame` and from `picture`, until the next call. An odd last row or column is left out.
 * Colours: range and matrix as tagged; untagged: BT.709 from 720 rows on, BT.601 below; limited range unless a full-range format.
 * swscale: bilinear chroma, accurate rounding, bit-exact. Luma: the Y plane as it is (8-bit YUV, grey), else of yuv420p. */
int desy_picture_convert(struct desy_picture *picture, struct desy_frame *view, const AVFrame *frame);
void desy_picture_close(struct desy_picture *picture);

#endif
