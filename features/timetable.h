/* Inside features/: when each frame of a video is shown, and from which key frame it can be decoded. */
#ifndef DESY_FEATURES_TIMETABLE_H
#define DESY_FEATURES_TIMETABLE_H

#include "features/media.h"

struct desy_time {
    int64_t pts, dts; /* in the stream's time base */
    bool key;
};

struct desy_timetable {
    struct desy_time *times; /* (count), by pts */
    double *seconds;         /* (count), the same in seconds */
    int64_t count, room;
    bool reliable; /* every frame has a time of its own, so that decoded frames are known by it */
};

/* Reads all packets (no decoding). The media must be rewound or sought afterwards. */
int desy_timetable_scan(struct desy_timetable *table, struct desy_media *media);
/* For times found by decoding: clear, add in order of appearance, finish. */
void desy_timetable_clear(struct desy_timetable *table);
int desy_timetable_add(struct desy_timetable *table, int64_t pts);
/* Fills `seconds`; times that are missing or go back are replaced by the average frame rate's. */
int desy_timetable_finish(struct desy_timetable *table, const struct desy_media *media, bool decoded);
/* The frame shown at `pts`, -1 if none is. */
int64_t desy_timetable_find(const struct desy_timetable *table, int64_t pts);
/* To the last key frame at or before `frame`; from the start where seeking is not to be trusted. */
int desy_media_seek(struct desy_media *media, const struct desy_timetable *table, int64_t frame, const char *path);
void desy_timetable_close(struct desy_timetable *table);

#endif
