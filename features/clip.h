/* A clip: what a decode helper makes of one video: metadata, and for each sampled frame what extractors need.
 * Fixed layout, no pointers: it lives in memory shared with the helper, whose contents are checked, not trusted. */
#ifndef DESY_FEATURES_CLIP_H
#define DESY_FEATURES_CLIP_H

#include "features/sampling.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DESY_MAX_FRAMES 64
#define DESY_INPUT_SIDE 224
#define DESY_FORENSIC_DIMS 768

enum desy_status {
    DESY_STATUS_OK,
    DESY_STATUS_UNREADABLE, /* missing, not a video, damaged beyond use */
    DESY_STATUS_NO_VIDEO,   /* a media file without a video stream */
    DESY_STATUS_TOO_SHORT,  /* fewer than 4 frames */
    DESY_STATUS_TIMEOUT,    /* took longer than the deadline */
    DESY_STATUS_CRASHED,    /* the helper died on it */
};
/* "ok", "unreadable", "no_video", "too_short", "timeout", "crashed". */
const char *desy_status_name(enum desy_status status);
int desy_status_parse(enum desy_status *status, const char *name); /* DESY_EDATA for another */

/* How the RGB input of the network is made of a frame. */
enum desy_transform {
    DESY_TRANSFORM_EFFICIENTNET, /* shorter side to 256 (area when shrinking, bicubic when enlarging), centre 224 */
    DESY_TRANSFORM_RESNET,       /* shorter side to 256 (antialiased bilinear), centre 224 */
};

struct desy_clip_request {
    char path[4096];
    enum desy_sampling sampling;
    int frames;                    /* T wanted, <= DESY_MAX_FRAMES */
    enum desy_transform transform;
    bool forensic;                 /* also the 768 numbers of each frame */
};

struct desy_clip {
    enum desy_status status;
    char reason[512]; /* why, if status is not ok; also a warning ("damaged after frame 60") with status ok, else "" */
    char codec[32], container[64], pixel_format[32];
    int width, height;
    double fps, duration; /* frames a second (average), seconds */
    int64_t bit_rate, size, mtime_ns, total_frames;
    int frames;                              /* n sampled, 4..T */
    int64_t frame_index[DESY_MAX_FRAMES];    /* of each sampled frame, in presentation order */
    double pts[DESY_MAX_FRAMES];             /* its presentation time, seconds */
    float forensic[DESY_MAX_FRAMES][DESY_FORENSIC_DIMS];                     /* (n, 768) */
    uint8_t rgb[DESY_MAX_FRAMES][DESY_INPUT_SIDE][DESY_INPUT_SIDE][3];       /* (n, 224, 224, 3) */
};

#endif
