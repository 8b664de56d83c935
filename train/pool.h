/* Inside train/ and for tests: (T, D) features of a clip become one vector, the input of every channel. */
#ifndef DESY_TRAIN_POOL_H
#define DESY_TRAIN_POOL_H

/* D = encoder + blocks; blocks is 0, or DESY_HYBRID_DIMS - DESY_ENCODER_DIMS (features/blocks.h). */
struct desy_layout {
    int encoder, blocks;
};

/* The vector: mean, deviation and step of the encoder's numbers over time, then the means of the others. */
enum { DESY_POOL_MEAN, DESY_POOL_DEVIATION, DESY_POOL_STEP, DESY_POOL_BLOCKS };
int desy_pool_width(const struct desy_layout *layout);
int desy_pool_offset(const struct desy_layout *layout, int part);

/* Rows n_frames and beyond are repeats and never enter. vector[desy_pool_width]. With x_t the frames:
 * mean; deviation: sqrt(mean (x_t - mean)^2); step: ln(mean |x_{t+1} - x_t| + .01), of one frame ln(.01).
 * DESY_EDATA: n_frames out of 1..frames, or a number that is not finite. */
int desy_pool(float *vector, const struct desy_layout *layout, const float *features, int frames, int n_frames);

#endif
