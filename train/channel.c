#include "train/channel.h"

#include "features/forensic.h"

#include <stddef.h>
#include <string.h>

const struct desy_channel desy_channels[] = {
    {"e", DESY_LOW, DESY_FORM_SMALL, DESY_POOL_FORENSIC, 1, "e", NULL, "linear on the block energies at height 256"},
    {"step", DESY_MID, DESY_FORM_SMALL, DESY_POOL_STEP, 1, NULL, NULL, "linear on how much each number of the encoder changes from frame to frame"},
    {"mean", DESY_HIGH, DESY_FORM_SMALL, DESY_POOL_MEAN, 1, NULL, NULL, "linear on the mean embedding"},
    {"high_mlp", DESY_HIGH, DESY_FORM_FULL, DESY_POOL_MEAN, 2, NULL, "high_mlp", "a network on mean and deviation of the embedding"},
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
    if (channel->part != DESY_POOL_FORENSIC) return true;
    for (const struct desy_feature_block *block = desy_forensic_blocks; block->name; block++)
        if (strcmp(block->name, channel->block) == 0) {
            *offset += block->first;
            *inputs = block->count;
            return layout->forensic >= block->first + block->count;
        }
    return false;
}
