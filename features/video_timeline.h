/* When the frames of a video are shown: read off its packets where that is exact, else found by decoding all of it. */
#ifndef DESY_FEATURES_VIDEO_TIMELINE_H
#define DESY_FEATURES_VIDEO_TIMELINE_H

#include "features/video_source.h"

struct desy_video_packet {
    int64_t pts, bytes;
    bool key, discard; /* discard: decoded, never shown (edit lists) */
};

struct desy_video_timeline {
    struct desy_video_packet *packets; /* in decoding order */
    int64_t packet_count, bytes;
    bool exact;     /* the packets tell the frames: one packet a frame, every time known and different */
    bool corrupt;   /* a packet is marked damaged */
    int64_t *stamps; /* of the frames, in order shown, in units of the stream's time base */
    bool *damaged;  /* NULL while the packets tell the frames */
    double *seconds; /* from the first frame; ascending */
    int64_t count;
};

/* Reads the source to its end. packets, and if exact is true stamps and seconds. Errors: memory alone. */
int desy_video_timeline_scan(struct desy_video_timeline *timeline, struct desy_video_source *source);
/* Decodes a source just opened to its end. Replaces stamps, seconds; damaged frames at the end are left out of count. */
int desy_video_timeline_decode(struct desy_video_timeline *timeline, struct desy_video_source *source);
void desy_video_timeline_close(struct desy_video_timeline *timeline); /* safe on a zeroed one */

/* The frame shown at this time, -1 if none is. */
int64_t desy_video_timeline_find(const struct desy_video_timeline *timeline, int64_t stamp);
/* The last key packet that is shown at or before `stamp`; NULL: none. Borrowed. */
const struct desy_video_packet *desy_video_timeline_key(const struct desy_video_timeline *timeline, int64_t stamp);

#endif
