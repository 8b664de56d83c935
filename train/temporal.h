/* The temporal channels of a clip: a few numbers of how its frames follow each other, from any (T, D) features and from the warp
 * numbers of its pairs of frames (features/warp.h). No number of them is learnt. Definitions: the table below, docs/features.md. */
#ifndef DESY_TRAIN_TEMPORAL_H
#define DESY_TRAIN_TEMPORAL_H

#include <stdbool.h>
#include <stddef.h>

#define DESY_TEMPORAL_FEATURE_DIMS 24 /* those of features alone come first */
#define DESY_TEMPORAL_DIMS 44
#define DESY_TEMPORAL_CHANNELS 6
#define DESY_TEMPORAL_LEAST_FRAMES 4
#define DESY_TEMPORAL_STATIC_STEP 1e-6 /* of the longest feature vector */

struct desy_temporal_clip {
    const float *features; /* (T, stride): the first `dims` numbers of a row */
    const float *warp;     /* (T, stride): the DESY_WARP_DIMS numbers of a row, those of row t of the frames t - 1 and t. NULL: there are none */
    size_t stride;
    int dims, frames;      /* T <= DESY_MAX_FRAMES */
    int n_frames;          /* rows n_frames and beyond are repeats and never enter */
};

struct desy_temporal_motion; /* inside temporal.c */

struct desy_temporal_channel {
    const char *name;     /* "d3", "d3_vec", "ttr", "restrav", "energy", "warp" */
    int first, count;     /* within the DESY_TEMPORAL_DIMS */
    const char *needs;    /* "features" or "warp" */
    const char *formula;  /* in words, one line */
    const char *source;   /* where it comes from */
    void (*fill)(double *values, const struct desy_temporal_motion *motion);
};
/* After them a channel whose name is NULL. */
extern const struct desy_temporal_channel desy_temporal_channels[DESY_TEMPORAL_CHANNELS + 1];

/* values[DESY_TEMPORAL_DIMS]. *present: false for a clip of fewer than DESY_TEMPORAL_LEAST_FRAMES frames and for a static one (no
 * step between features longer than 1e-6 of the longest feature vector): then all values are 0 and mean nothing. Without `warp`
 * so are those from DESY_TEMPORAL_FEATURE_DIMS on. DESY_EDATA: n_frames out of 1..frames, too many frames, or a number that is not finite. */
int desy_temporal(double *values, bool *present, const struct desy_temporal_clip *clip);

#endif
