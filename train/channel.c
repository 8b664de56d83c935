#include "train/channel.h"

#include "features/blocks.h"

#include <stddef.h>
#include <string.h>

const struct desy_channel desy_channels[] = {
    {"e", DESY_LOW, DESY_FORM_SMALL, DESY_POOL_BLOCKS, 1, "e", NULL, true, "linear on the block energies at height 256"},
    {"step", DESY_MID, DESY_FORM_SMALL, DESY_POOL_STEP, 1, NULL, NULL, false, "linear on how much each number of the encoder changes from frame to frame"},
    {"mean", DESY_HIGH, DESY_FORM_SMALL, DESY_POOL_MEAN, 1, NULL, NULL, true, "linear on the mean embedding"},
    {"texture", DESY_HIGH, DESY_FORM_SMALL, DESY_POOL_BLOCKS, 1, "texture", NULL, true, "linear on the mean of the feature map before the embedding's"},
    {"high_mlp", DESY_HIGH, DESY_FORM_FULL, DESY_POOL_MEAN, 2, NULL, "high_mlp", true, "a network on mean and deviation of the embedding"},
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

bool desy_channel_inputs(const struct desy_channel *channel, const struct desy_layout *layout, int *offset, int *inputs)
{
    *offset = desy_pool_offset(layout, channel->part);
    *inputs = channel->parts * layout->encoder;
    if (channel->part != DESY_POOL_BLOCKS) return true;
    const struct desy_feature_block *block = desy_feature_block_find(channel->block);
    *offset += block->first - DESY_ENCODER_DIMS;
    *inputs = block->count;
    return layout->blocks >= block->first - DESY_ENCODER_DIMS + block->count;
}
