/* A fingerprint of what a video shows, that re-encoding, scaling, another bit rate and a few dropped frames leave nearly as it is: a perceptual hash of
 * 64 bits of each of 8 frames at fixed relative times. A crop, a mirrored picture, added bars and another cut change it. Pure functions, in integers. */
#ifndef DESY_FEATURES_FINGERPRINT_H
#define DESY_FEATURES_FINGERPRINT_H

#include "features/clip.h"

#define DESY_FINGERPRINT_FRAMES 8
#define DESY_FINGERPRINT_LEAST 4 /* frames with detail that two videos must have in common to be compared */

struct desy_fingerprint {
    uint64_t frames[DESY_FINGERPRINT_FRAMES];
    uint8_t detailed; /* bit k: frame k shows enough to be told from others; the rest are never compared */
};

/* The hash of one picture, rgb (224, 224, 3), however its shape was squashed to that. Luma (77 R + 150 G + 29 B), summed over 7 x 7 pixels to 32 x 32,
 * has a DCT-II; bit i is the sign of its i-th lowest frequency without the constant, in zigzag order (Zauner, "Implementation and benchmarking of perceptual image hash
 * functions", 2010, takes the median for the sign). *detailed: at least half of the 64 are of an amplitude above half a grey level, which coding
 * leaves alone: flat and black pictures and plain gradients have no such signs. */
uint64_t desy_fingerprint_picture(const uint8_t *rgb, bool *detailed);

/* Of a clip with status ok, of frames spread evenly over the video (DESY_SAMPLING_UNIFORM, DESY_TRANSFORM_SQUASH); one of fewer than 8 has some twice. */
void desy_fingerprint_clip(struct desy_fingerprint *print, const struct desy_clip *clip);

/* Mean number of bits, of 64, that differ over the frames which have detail in both; -1: fewer than DESY_FINGERPRINT_LEAST. */
double desy_fingerprint_distance(const struct desy_fingerprint *a, const struct desy_fingerprint *b);

#endif
