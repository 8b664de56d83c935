/* A decoded picture as luma and RGB, 8 bit. The buffers are used again for the next one. */
#ifndef DESY_FEATURES_VIDEO_PICTURE_H
#define DESY_FEATURES_VIDEO_PICTURE_H

#include "features/video.h"

#include <libavutil/frame.h>

struct desy_video_picture {
    struct desy_frame frame; /* luma may point into the AVFrame that it was made of */
    uint8_t *rgb, *luma;
    size_t rgb_size, luma_size;
    struct SwsContext *to_rgb, *to_luma;
};

/* An odd last row or column is left out. Matrix and range are those the video is tagged with; untagged, BT.709 from 720 rows
 * on, else BT.601, and limited range. Luma: the plane as decoded if it is 8-bit YUV, else by swscale (bicubic, accurate
 * rounding). RGB: swscale, bilinear. DESY_EDATA: a format that swscale can't read; DESY_EENV: memory. */
int desy_video_picture_make(struct desy_video_picture *picture, const AVFrame *frame);
void desy_video_picture_close(struct desy_video_picture *picture); /* safe on a zeroed one */

#endif
