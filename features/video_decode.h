/* The picked frames of a video, decoded. */
#ifndef DESY_FEATURES_VIDEO_DECODE_H
#define DESY_FEATURES_VIDEO_DECODE_H

#include "features/video_timeline.h"

struct desy_video_wanted {
    const int64_t *frames; /* (count), ascending */
    int count;
    int (*take)(void *context, int k); /* source->frame is frame k of these */
    void *context;
};

/* By a timeline that is exact: feeds the decoder the packets from a key frame to the last one needed, and no others. `skipping`: leaves out
 * pictures that are not wanted and that no other picture refers to. Every frame that comes out is checked against the timeline; *exact:
 * they agreed, and all that was wanted was taken; else what was taken counts for nothing, and the source must be opened anew. Errors
 * of take, as they are. */
int desy_video_decode_by_index(struct desy_video_source *source, const struct desy_video_timeline *timeline, const struct desy_video_wanted *wanted,
                               bool skipping, bool *exact);
/* Decodes all frames, and counts; from *position on, how many came since the source was opened: not beyond the first one wanted.
 * DESY_EDATA: a frame is missing or damaged. */
int desy_video_decode_by_counting(struct desy_video_source *source, const struct desy_video_timeline *timeline, const struct desy_video_wanted *wanted,
                                  int64_t *position);

#endif
