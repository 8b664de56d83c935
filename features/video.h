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

typedef struct desy_video desy_video;

/* With request->view a clip is made of what the view's recipe (features/augment.h) makes of a stretch of the video: its window and half a second before
 * and after it, encoded into memory and read as any video; sampled are the frames nearest to the times of the original's. */
/* A video that is read clip by clip: desy_video_next until clip->window is clip->windows - 1. `request` is copied. DESY_EUSAGE: a
 * number of frames that can't be had; DESY_EENV: memory. */
int desy_video_open(desy_video **video, const struct desy_clip_request *request);
/* Fills all of *clip but the rows beyond its counts. Never fails: what goes wrong with the video is clip->status and clip->reason (then it
 * is the last one); DESY_EENV only for lack of memory. Frame n is the n-th that `ffmpeg -i FILE -f rawvideo -` would give with
 * `-vsync passthrough`. Nothing but that file is read, with one decode thread. */
int desy_video_next(desy_video *video, struct desy_clip *clip);
void desy_video_close(desy_video **video);

/* The first clip alone. */
int desy_video_read(struct desy_clip *clip, const struct desy_clip_request *request);

#endif
