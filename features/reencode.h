/* A stretch of frames, through what an augmented view's recipe says, encoded into memory. Inside of video*.c; nobody else's. */
#ifndef DESY_FEATURES_REENCODE_H
#define DESY_FEATURES_REENCODE_H

#include "features/augment.h"
#include "features/video_writer.h"

#include <libavutil/frame.h>

typedef struct desy_reencode desy_reencode;

struct desy_reencode_options {
    struct desy_augment_recipe recipe;
    uint64_t seed; /* of its noise */
    int fps;       /* about, of the frames that come; whole, 1 or more */
    bool lying;    /* frames are yet to be turned by 90 degrees: what is their height then, is their width now */
};

/* DESY_EENV: memory. */
int desy_reencode_open(desy_reencode **reencode, const struct desy_reencode_options *options);
/* One decoded frame of any size and format, shown `seconds` after the first one (0); ascending. Not kept. One frame at a time is brought to its
 * size and encoded. DESY_EDATA: a frame that can't be converted; DESY_EENV: the encoder (named), memory. */
int desy_reencode_frame(desy_reencode *reencode, const AVFrame *frame, double seconds);
/* What came of them, an MP4 file of *frames frames; frees the rest whatever happens. DESY_EDATA: fewer than `fewest` (of fewer than 3, x265 gives times that it never set). */
int desy_reencode_take(desy_reencode **reencode, struct desy_video_bytes *bytes, int64_t *frames, int fewest);
void desy_reencode_close(desy_reencode **reencode); /* NULL-safe */

#endif
