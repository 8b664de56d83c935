/* Inside train/ and for tests: (T, D) features of a clip become one vector, the input of every channel. */
#ifndef DESY_TRAIN_POOL_H
#define DESY_TRAIN_POOL_H

#include <stdbool.h>

/* D = encoder + blocks; blocks is 0, or DESY_HYBRID_DIMS - DESY_ENCODER_DIMS (features/blocks.h). */
struct desy_layout {
    int encoder, blocks;
};

/* The vector: mean, deviation and step of the encoder's numbers over time, the means of the others, the temporal numbers
 * (train/temporal.h), and last whether there are any. */
enum { DESY_POOL_MEAN, DESY_POOL_DEVIATION, DESY_POOL_STEP, DESY_POOL_BLOCKS, DESY_POOL_TEMPORAL };
int desy_pool_width(const struct desy_layout *layout);
int desy_pool_offset(const struct desy_layout *layout, int part);
/* Does the clip move, and has temporal numbers? */
bool desy_pool_moves(const struct desy_layout *layout, const float *vector);
/* Has a frame the warp numbers (features/warp.h), which some of the temporal ones need? */
bool desy_layout_has_warp(const struct desy_layout *layout);

/* Rows n_frames and beyond are repeats and never enter. vector[desy_pool_width]. With x_t the frames:
 * mean; deviation: sqrt(mean (x_t - mean)^2); step: ln(mean |x_{t+1} - x_t| + .01), of one frame ln(.01).
 * DESY_EDATA: n_frames out of 1..frames or above DESY_MAX_FRAMES, or a number that is not finite. */
int desy_pool(float *vector, const struct desy_layout *layout, const float *features, int frames, int n_frames);

#endif
