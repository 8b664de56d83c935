/* Which frames of a video are looked at. Pure functions of the time stamps. */
#ifndef DESY_FEATURES_SAMPLING_H
#define DESY_FEATURES_SAMPLING_H

#include <stdint.h>

enum desy_sampling {
    DESY_SAMPLING_WINDOW,  /* `wanted` frames at 8 a second around the middle */
    DESY_SAMPLING_UNIFORM, /* linspace(0, n - 1, wanted), rounded: the guide's */
};

/* "window", "uniform". DESY_EUSAGE for another. */
int desy_sampling_parse(enum desy_sampling *sampling, const char *name);
const char *desy_sampling_name(enum desy_sampling sampling);

/* seconds[n]: presentation times, ascending. frames[wanted] gets strictly ascending frame indices; returns their number:
 * min(n, wanted). window: n <= wanted takes all; a clip shorter than wanted / 8 seconds (first to last frame, and one frame
 * duration more) is sampled at `wanted` equally spaced times; one slower than 8 frames a second gives the `wanted`
 * consecutive frames around the middle; else the frame nearest to each time middle + (k - (wanted - 1) / 2) / 8. */
int desy_sample_frames(int64_t *frames, int wanted, enum desy_sampling sampling, const double *seconds, int64_t n);

#endif
