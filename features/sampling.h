/* Which frames of a video are looked at. Pure functions of the time stamps. */
#ifndef DESY_FEATURES_SAMPLING_H
#define DESY_FEATURES_SAMPLING_H

#include <stdint.h>

enum desy_sampling {
    DESY_SAMPLING_WINDOW,   /* `wanted` frames at 8 a second around the middle */
    DESY_SAMPLING_UNIFORM,  /* linspace(0, n - 1, wanted), rounded: the guide's */
    DESY_SAMPLING_KEYFRAME, /* as window, but from the key frame nearest the middle on: nothing before it need be decoded */
};

struct desy_times {
    const double *seconds; /* (count): when the frames are shown, ascending */
    int64_t count;
    const int64_t *keys;   /* (key_count): which of them are key frames, ascending; the first frame counts as one anyway */
    int64_t key_count;
};

/* "window", "uniform", "keyframe". DESY_EUSAGE for another. */
int desy_sampling_parse(enum desy_sampling *sampling, const char *name);
const char *desy_sampling_name(enum desy_sampling sampling);

/* How many windows a video has of those `asked` for, 1 at least. It is cut into equal parts, as many as hold `wanted` frames and (but for
 * uniform) wanted / 8 seconds each, and every part has a window; keyframe leaves out one that would start at the key frame of
 * the window before it. */
int desy_sample_windows(int wanted, enum desy_sampling sampling, int asked, const struct desy_times *times);

/* frames[wanted] gets strictly ascending frame indices of window `window` of desy_sample_windows(asked); returns their number: min(n,
 * wanted). n <= wanted takes all. window: a clip shorter than wanted / 8 seconds (first to last frame, and one frame duration more)
 * is sampled at `wanted` equally spaced times; one slower than 8 frames a second gives the `wanted` consecutive frames around the
 * middle; else the frame nearest to each time middle + (k - (wanted - 1) / 2) / 8. keyframe: a short one as there; else the frames nearest to
 * key + k / 8 (of a slow one those that follow it), of the key frame nearest the middle with that much after it. */
int desy_sample_frames(int64_t *frames, int wanted, enum desy_sampling sampling, int window, int asked, const struct desy_times *times);

/* frames[wanted] gets the frames nearest to the ascending times `at` (wanted), each a frame of its own, and none beyond those nearest to the first
 * and the last time; returns their number: as many as there are between these, `wanted` at most. */
int desy_sample_near(int64_t *frames, int wanted, const double *at, const struct desy_times *times);

#endif
