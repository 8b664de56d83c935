/* A clip: what a decode helper makes of one video: metadata, and for each sampled frame what extractors need.
 * Fixed layout, no pointers: it lives in memory shared with the helper, whose contents are checked, not trusted. */
#ifndef DESY_FEATURES_CLIP_H
#define DESY_FEATURES_CLIP_H

#include "features/alteration.h"
#include "features/blocks.h"
#include "features/sampling.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DESY_MAX_FRAMES 64
#define DESY_INPUT_SIDE 224
#define DESY_MAX_WINDOWS 64        /* clips of one video */
#define DESY_CROPS 4               /* of a clip: of its samples 0, 5, 10, 15 of 16 */
#define DESY_AUDIO_RATE 16000      /* samples a second, mono */
#define DESY_AUDIO_SAMPLES 32000   /* of a clip: 2 s around its middle */

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
    DESY_TRANSFORM_SQUASH,       /* each side to 224 (antialiased bilinear), whatever becomes of the shape */
};

struct desy_clip_request {
    char path[4096];               /* a file, or a part of a tar shard: "shard.tar#offset+bytes", "shard.tar/member" */
    char audio_path[4096];         /* its sound, where that is a file of its own; "": the sound of the video */
    enum desy_sampling sampling;
    int frames;                    /* T wanted, <= DESY_MAX_FRAMES */
    int windows;                   /* clips wanted of a long video; 0 is 1 */
    int view;                      /* 0: the video as it is; else one that a recipe makes of it (desy_view_recipe), a function of: */
    enum desy_views views;
    uint64_t seed, item;
    enum desy_transform transform;
    bool forensic, crops, audio;   /* also the forensic numbers of each frame, the crops, the sound */
    bool path_too_long;            /* the paths are not here, and the video is unreadable for that */
};

/* Sets the paths of a request; audio_path "": none. */
void desy_clip_request_paths(struct desy_clip_request *request, const char *path, const char *audio_path);

struct desy_clip {
    enum desy_status status;
    char reason[512]; /* why, if status is not ok; also a warning ("damaged after frame 60") with status ok, else "" */
    char codec[32], container[64], pixel_format[32];
    char muxer[64];        /* what wrote the file, by its `encoder` tag; "": it does not say */
    int width, height;
    double fps, duration; /* frames a second (average), seconds */
    int64_t bit_rate, size, mtime_ns, total_frames;
    int window, windows;   /* which clip of how many of this video; a short one has fewer than were asked for */
    int view;              /* as asked for. Of an augmented one, all that is told of the video is told of what was encoded for it, a stretch about its window; pts is the original's time */
    int rotation;          /* degrees clockwise that frames were turned by to stand upright: 0, 90, 180, 270 */
    int key_frames;        /* packets marked so */
    int longest_gop;       /* frames from one key frame to the next, at most */
    int reordering;        /* frames that are decoded before one that is shown earlier, at most: 0 without B-frames */
    int has_sound;         /* 1: its file has a sound stream */
    int cut;               /* 1: less of it is there than its container promises, as far as frames and durations tell; reason says how much */
    int damaged;           /* 1: status ok, and errors elsewhere than in the frames used; reason says so */
    int audio_samples;     /* n of audio; 0: there is no sound */
    int frames;                              /* n sampled, 4..T */
    int64_t frame_index[DESY_MAX_FRAMES];    /* of each sampled frame, in presentation order */
    double pts[DESY_MAX_FRAMES];             /* its presentation time, seconds */
    int16_t audio[DESY_AUDIO_SAMPLES];       /* (n), 16 kHz mono */
    float forensic[DESY_MAX_FRAMES][DESY_FORENSIC_DIMS];                     /* (n, 448) */
    uint8_t crops[DESY_CROPS][DESY_INPUT_SIDE][DESY_INPUT_SIDE][3];          /* (4, 224, 224, 3), native resolution; a frame smaller than that
                                                                              * lies in the middle, mirrored beyond its borders */
    uint8_t rgb[DESY_MAX_FRAMES][DESY_INPUT_SIDE][DESY_INPUT_SIDE][3];       /* (n, 224, 224, 3) */
};

/* Is it the last clip of its video? One that failed is. */
bool desy_clip_is_last(const struct desy_clip *clip);

#endif
