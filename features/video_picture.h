/* A decoded picture as luma and RGB, 8 bit. The buffers are used again for the next one. */
#ifndef DESY_FEATURES_VIDEO_PICTURE_H
#define DESY_FEATURES_VIDEO_PICTURE_H

#include "features/video.h"

#include <libavformat/avformat.h>
#include <libavutil/frame.h>

/* How pictures are turned to stand upright: first transposed, then mirrored. */
struct desy_video_turn {
    bool transpose, mirror_x, mirror_y;
    int degrees; /* that is, clockwise: 0, 90, 180, 270 */
};

/* What a stream's display matrix says, as the ffmpeg command line does without being told. *ignored: it is no multiple of 90 degrees. */
struct desy_video_turn desy_video_turn_of(const AVStream *stream, bool *ignored);

/* swscale's number of its matrix, which is ITU-T H.273's too; is it of full range, and would YUV made of it be? */
void desy_video_picture_colours(const AVFrame *frame, int *matrix, bool *full, bool *yuv_full);

struct desy_video_picture {
    struct desy_frame frame; /* luma may point into the AVFrame that it was made of */
    uint8_t *rgb, *luma, *turned_rgb, *turned_luma;
    size_t rgb_size, luma_size, turned_rgb_size, turned_luma_size;
    struct SwsContext *to_rgb, *to_luma;
};

/* An odd last row or column is left out. Matrix and range are those the video is tagged with; untagged, BT.709 from 720 rows
 * on, else BT.601, and limited range. Luma: the plane as decoded if it is 8-bit YUV, else by swscale (bicubic, accurate
 * rounding). RGB: swscale, bilinear. DESY_EDATA: a format that swscale can't read; DESY_EENV: memory. */
int desy_video_picture_make(struct desy_video_picture *picture, const AVFrame *frame, const struct desy_video_turn *turn);
void desy_video_picture_close(struct desy_video_picture *picture); /* safe on a zeroed one */

#endif
