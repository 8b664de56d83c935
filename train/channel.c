#include "train/channel.h"

#include "features/blocks.h"
#include "train/temporal.h"

#include <stddef.h>
#include <string.h>

const struct desy_channel desy_channels[] = {
    {"e", DESY_LOW, DESY_FORM_SMALL, DESY_POOL_BLOCKS, 1, "e", NULL, "linear on the block energies at height 256", false},
    {"energy", DESY_LOW, DESY_FORM_SMALL, DESY_POOL_TEMPORAL, 1, "energy", NULL, "linear on how the energy of detail comes and goes from frame to frame", false},
    {"step", DESY_MID, DESY_FORM_SMALL, DESY_POOL_STEP, 1, NULL, NULL, "linear on how much each number of the encoder changes from frame to frame", false},
    {"mid_transformer", DESY_MID, DESY_FORM_FULL, DESY_POOL_MEAN, 0, NULL, "mid_transformer", "a transformer encoder over the frames", true},
    {"mean", DESY_HIGH, DESY_FORM_SMALL, DESY_POOL_MEAN, 1, NULL, NULL, "linear on the mean embedding", false},
    {"texture", DESY_HIGH, DESY_FORM_SMALL, DESY_POOL_BLOCKS, 1, "texture", NULL, "linear on the mean of the feature map before the embedding's", false},
    {"high_mlp", DESY_HIGH, DESY_FORM_FULL, DESY_POOL_MEAN, 2, NULL, "high_mlp", "a network on mean and deviation of the embedding", false},
    {0},
};

const struct desy_channel *desy_channel_find(const char *name)
{
    for (const struct desy_channel *channel = desy_channels; channel->name; channel++)
        if (strcmp(channel->name, name) == 0) return channel;
    return NULL;
}

const char *desy_level_name(enum desy_level level)
{
    static const char *const names[] = {"low", "mid", "high"};
    return names[level];
}

static bool temporal_inputs(const struct desy_channel *channel, const struct desy_layout *layout, int *offset, int *inputs)
{
    const struct desy_temporal_channel *temporal = desy_temporal_channels;
    while (strcmp(temporal->name, channel->block) != 0) temporal++;
    *offset += temporal->first;
    *inputs = temporal->count;
    return desy_layout_has_warp(layout) || strcmp(temporal->needs, "warp") != 0;
}

bool desy_channel_inputs(const struct desy_channel *channel, const struct desy_layout *layout, int *offset, int *inputs)
{
    if (channel->frames) {
        *offset = 0;
        *inputs = layout->encoder + layout->blocks;
        return true;
    }
    *offset = desy_pool_offset(layout, channel->part);
    *inputs = channel->parts * layout->encoder;
    if (channel->part == DESY_POOL_TEMPORAL) return temporal_inputs(channel, layout, offset, inputs);
    if (channel->part != DESY_POOL_BLOCKS) return true;
    const struct desy_feature_block *block = desy_feature_block_find(channel->block);
    *offset += block->first - DESY_ENCODER_DIMS;
    *inputs = block->count;
    return layout->blocks >= block->first - DESY_ENCODER_DIMS + block->count;
}
