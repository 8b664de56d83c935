/* Decodes one video into a clip, in this process (helpers call it; tests too). The only code that calls libavformat and
 * libavcodec for reading. */
#ifndef DESY_FEATURES_VIDEO_H
#define DESY_FEATURES_VIDEO_H

#include "features/clip.h"

/* One decoded frame, 8 bit: the luma plane as decoded (Y of any YUV, deeper ones and RGB converted to yuv420p first), and RGB. */
struct desy_frame {
    const uint8_t *luma; /* (height, luma_stride) */
    int luma_stride;
    const uint8_t *rgb;  /* (height, rgb_stride), 3 bytes a pixel */
    int rgb_stride;
    int width, height;   /* even */
};

/* Fills *clip entirely. Never fails: what goes wrong with the video is clip->status and clip->reason; DESY_EENV only for
 * lack of memory. Frame n is the n-th that `ffmpeg -i FILE -f rawvideo -` would give with `-vsync passthrough`.
 * Only `file:` is opened, with one decode thread. */
int desy_video_read(struct desy_clip *clip, const struct desy_clip_request *request);

#endif
