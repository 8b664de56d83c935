/* When the frames of a video are shown: read off its packets where that is exact, else found by decoding all of it. */
#ifndef DESY_FEATURES_VIDEO_TIMELINE_H
#define DESY_FEATURES_VIDEO_TIMELINE_H

#include "features/sampling.h"
#include "features/video_source.h"

#define DESY_DEEPEST_REORDERING 16 /* of any codec: H.264's and HEVC's picture buffers */

struct desy_video_packet {
    int64_t pts, dts, bytes;
    bool key, hidden; /* hidden: decoded, never shown (edit lists, VP8's alternate references) */
};

struct desy_video_shown {
    int64_t stamp;  /* presentation time, in units of the stream's time base */
    int64_t packet; /* it is decoded of; -1: not known */
    bool key, damaged;
};

struct desy_video_timeline {
    struct desy_video_packet *packets; /* in decoding order */
    int64_t packet_count, bytes;
    int key_packets, longest_gop; /* in packets, from one key packet to the next */
    bool exact;      /* the packets tell the frames: one packet a frame, every time known and different */
    bool by_decoding_times; /* there are no others: pts and stamps are those, and which packet a frame is of is not known */
    bool corrupt;    /* a packet is marked damaged */
    struct desy_video_shown *shown; /* the frames, in presentation order */
    int64_t count;
    double *seconds; /* of each, from the first frame; ascending */
    int64_t *keys;   /* which of them are key frames */
    int64_t key_count;
    int reordering;  /* if exact: frames decoded before one that is shown earlier, at most */
};

/* Reads the source to its end. packets, and if exact is true all the rest. DESY_EDATA: more frames than anybody films; DESY_EENV: memory. */
int desy_video_timeline_scan(struct desy_video_timeline *timeline, struct desy_video_source *source);
/* Decodes a source just opened to its end. Replaces shown, seconds, keys; damaged frames at the end are left out of count. */
int desy_video_timeline_decode(struct desy_video_timeline *timeline, struct desy_video_source *source);
void desy_video_timeline_close(struct desy_video_timeline *timeline); /* safe on a zeroed one */

/* The frame shown at this time, -1 if none is. */
int64_t desy_video_timeline_find(const struct desy_video_timeline *timeline, int64_t stamp);
/* The packet that decoding of a frame begins with: the last key packet before its own, or its own, that is shown no later. -1: none. */
int64_t desy_video_timeline_key(const struct desy_video_timeline *timeline, int64_t frame);
/* Borrowed. */
struct desy_times desy_video_timeline_times(const struct desy_video_timeline *timeline);

#endif
