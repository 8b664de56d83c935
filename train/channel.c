#include "train/channel.h"

#include "features/blocks.h"
#include "features/clip.h"
#include "train/temporal.h"
#include "train/text.h"

#include <stddef.h>
#include <string.h>

const struct desy_channel desy_channels[] = {
    {"e", DESY_LOW, DESY_FORM_SMALL, DESY_POOL_BLOCKS, 1, "e", NULL, "linear on the block energies at height 256", DESY_READS_POOLED},
    {"energy", DESY_LOW, DESY_FORM_SMALL, DESY_POOL_TEMPORAL, 1, "energy", NULL, "linear on how the energy of detail comes and goes from frame to frame", DESY_READS_POOLED},
    {"low_cnn", DESY_LOW, DESY_FORM_FULL, DESY_POOL_MEAN, 0, NULL, "low_cnn", "a convolutional network on residuals of native pixels", DESY_READS_CROPS},
    {"step", DESY_MID, DESY_FORM_SMALL, DESY_POOL_STEP, 1, NULL, NULL, "linear on how much each number of the encoder changes from frame to frame", DESY_READS_POOLED},
    {"mid_transformer", DESY_MID, DESY_FORM_FULL, DESY_POOL_MEAN, 0, NULL, "mid_transformer", "a transformer encoder over the frames", DESY_READS_FRAMES},
    {"mean", DESY_HIGH, DESY_FORM_SMALL, DESY_POOL_MEAN, 1, NULL, NULL, "linear on the mean embedding", DESY_READS_POOLED},
    {"texture", DESY_HIGH, DESY_FORM_SMALL, DESY_POOL_BLOCKS, 1, "texture", NULL, "linear on the mean of the feature map before the embedding's", DESY_READS_POOLED},
    {"high_mlp", DESY_HIGH, DESY_FORM_FULL, DESY_POOL_MEAN, 2, NULL, "high_mlp", "a network on mean and deviation of the embedding", DESY_READS_POOLED},
    {"high_text", DESY_HIGH, DESY_FORM_FULL, DESY_POOL_MEAN, 2, NULL, "high_text", "a network on the same and, gated, the text that comes with the video", DESY_READS_TEXT},
    {"sound", DESY_HIGH, DESY_FORM_FULL, DESY_POOL_MEAN, 0, NULL, "sound_cnn", "a network on the log-mel spectrogram of the sound", DESY_READS_AUDIO},
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

bool desy_channel_is_partial(const struct desy_channel *channel)
{
    return desy_channel_is_additional(channel) || channel->part == DESY_POOL_TEMPORAL;
}

bool desy_channel_is_additional(const struct desy_channel *channel)
{
    return channel->reads == DESY_READS_AUDIO || channel->reads == DESY_READS_TEXT;
}

bool desy_channel_is_pooled(const struct desy_channel *channel)
{
    return channel->reads == DESY_READS_POOLED || channel->reads == DESY_READS_TEXT;
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
    *offset = 0;
    switch (channel->reads) {
    case DESY_READS_FRAMES: return *inputs = layout->encoder + layout->blocks, true;
    case DESY_READS_CROPS: return *inputs = DESY_INPUT_SIDE * DESY_INPUT_SIDE * 3, true;
    case DESY_READS_AUDIO: return *inputs = 1, true;
    case DESY_READS_POOLED:
    case DESY_READS_TEXT: break;
    }
    *offset = desy_pool_offset(layout, channel->part);
    *inputs = channel->parts * layout->encoder + (channel->reads == DESY_READS_TEXT ? DESY_TEXT_BUCKETS : 0);
    if (channel->part == DESY_POOL_TEMPORAL) return temporal_inputs(channel, layout, offset, inputs);
    if (channel->part != DESY_POOL_BLOCKS) return true;
    const struct desy_feature_block *block = desy_feature_block_find(channel->block);
    *offset += block->first - DESY_ENCODER_DIMS;
    *inputs = block->count;
    return layout->blocks >= block->first - DESY_ENCODER_DIMS + block->count;
}
