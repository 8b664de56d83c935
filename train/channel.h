/* The table of channels: each turns some of the pooled numbers into a logit and belongs to one level. */
#ifndef DESY_TRAIN_CHANNEL_H
#define DESY_TRAIN_CHANNEL_H

#include "train/clip_numbers.h"
#include "train/pool.h"

#include <stdbool.h>

enum desy_level { DESY_LOW, DESY_MID, DESY_HIGH, DESY_LEVELS };
enum desy_form { DESY_FORM_SMALL, DESY_FORM_FULL };

struct desy_channel {
    const char *name;
    enum desy_level level;
    enum desy_form form;
    int part, parts;          /* pooled parts from `part` on */
    const char *block;        /* of desy_feature_blocks, for DESY_POOL_BLOCKS; of desy_temporal_channels, for DESY_POOL_TEMPORAL */
    const char *architecture; /* full forms: a name of model/network.cpp */
    const char *help;
    enum desy_reads reads;    /* what part, parts and block speak of is pooled; of others all is read (train/reading.h) */
};

/* Ends with a NULL name. To add a head: a line here (and, for a full form, an architecture in model/). */
extern const struct desy_channel desy_channels[];
const struct desy_channel *desy_channel_find(const char *name); /* NULL: none */

/* "low", "mid", "high". */
const char *desy_level_name(enum desy_level level);

/* Does it read the pooled vector, alone or with a text, and nothing of the store? */
bool desy_channel_is_pooled(const struct desy_channel *channel);
/* May a clip lack what it reads, as one that does not move, or has no sound or text? */
bool desy_channel_is_partial(const struct desy_channel *channel);

/* Does it read what comes beside the pictures? Such a channel is no form of its level, but joins whichever is kept. */
bool desy_channel_is_additional(const struct desy_channel *channel);

/* Where its inputs lie in the pooled vector; of what is not pooled the numbers of one frame, crop or sample, offset 0; of a text its buckets,
 * which follow on the pooled numbers. False: this extractor has no such numbers. */
bool desy_channel_inputs(const struct desy_channel *channel, const struct desy_layout *layout, int *offset, int *inputs);

#endif
