#include "train/pool.h"

#include "base/error.h"
#include "features/blocks.h"
#include "train/temporal.h"

#include <math.h>
#include <stddef.h>

int desy_pool_width(const struct desy_layout *layout)
{
    return desy_pool_offset(layout, DESY_POOL_TEMPORAL) + DESY_TEMPORAL_DIMS + 1;
}

int desy_pool_offset(const struct desy_layout *layout, int part)
{
    return part == DESY_POOL_TEMPORAL ? 3 * layout->encoder + layout->blocks : part * layout->encoder;
}

bool desy_pool_moves(const struct desy_layout *layout, const float *vector)
{
    return vector[desy_pool_width(layout) - 1] > 0;
}

bool desy_layout_has_warp(const struct desy_layout *layout)
{
    const struct desy_feature_block *warp = desy_feature_block_find("warp");
    return layout->blocks >= warp->first + warp->count - DESY_ENCODER_DIMS;
}

/* Column d of the first n rows. */
static void pool_column(float *vector, const struct desy_layout *layout, const float *features, int n, int d)
{
    const size_t dims = (size_t)layout->encoder + (size_t)layout->blocks;
    const float *x = features + d;
    double sum = 0, square = 0, change = 0;
    for (int t = 0; t < n; t++) sum += (double)x[(size_t)t * dims];
    double mean = sum / n;
    if (d >= layout->encoder) {
        vector[desy_pool_offset(layout, DESY_POOL_BLOCKS) + d - layout->encoder] = (float)mean;
        return;
    }
    for (int t = 0; t < n; t++) {
        double from_mean = (double)x[(size_t)t * dims] - mean;
        square += from_mean * from_mean;
        if (t > 0) change += fabs((double)x[(size_t)t * dims] - (double)x[(size_t)(t - 1) * dims]);
    }
    vector[desy_pool_offset(layout, DESY_POOL_MEAN) + d] = (float)mean;
    vector[desy_pool_offset(layout, DESY_POOL_DEVIATION) + d] = (float)sqrt(square / n);
    vector[desy_pool_offset(layout, DESY_POOL_STEP) + d] = (float)log((n > 1 ? change / (n - 1) : 0) + .01);
}

static int pool_temporal(float *vector, const struct desy_layout *layout, const float *features, int frames, int n_frames)
{
    double values[DESY_TEMPORAL_DIMS];
    bool moves;
    const int warp = layout->encoder + desy_feature_block_find("warp")->first - DESY_ENCODER_DIMS;
    const struct desy_temporal_clip clip = {.features = features, .warp = desy_layout_has_warp(layout) ? features + warp : NULL,
        .stride = (size_t)layout->encoder + (size_t)layout->blocks, .dims = layout->encoder, .frames = frames, .n_frames = n_frames};
    const int rc = desy_temporal(values, &moves, &clip);
    if (rc != DESY_OK) return rc;
    float *to = vector + desy_pool_offset(layout, DESY_POOL_TEMPORAL);
    for (int d = 0; d < DESY_TEMPORAL_DIMS; d++) *to++ = (float)values[d];
    *to = moves;
    return DESY_OK;
}

int desy_pool(float *vector, const struct desy_layout *layout, const float *features, int frames, int n_frames)
{
    if (n_frames < 1 || n_frames > frames) return desy_error(DESY_EDATA, "a clip of %d frames, where 1 to %d are stored", n_frames, frames);
    for (int d = 0; d < layout->encoder + layout->blocks; d++) pool_column(vector, layout, features, n_frames, d);
    const int rc = pool_temporal(vector, layout, features, frames, n_frames);
    if (rc != DESY_OK) return rc;
    for (int i = 0; i < desy_pool_width(layout); i++)
        if (!isfinite(vector[i])) return desy_error(DESY_EDATA, "a feature is not finite: extract these videos again");
    return DESY_OK;
}
