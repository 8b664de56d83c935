/* A model whose full forms have their linear layers in 8 bits (model/model.h: desy_network_quantise). Not collective. */
#ifndef DESY_TRAIN_QUANTISE_H
#define DESY_TRAIN_QUANTISE_H

#include "train/classifier.h"

#include <stddef.h>

struct desy_quantised_channel {
    int layers;           /* in 8 bits now; 0: it stays as it was, as small forms do, and networks whose only linear layer has one output */
    size_t before, after; /* bytes of its tensors */
};

/* Writes what `classifier` is, quantised, into a new directory beside `beside` (train/model_directory.h: the caller renames or removes it), with
 * "quantised": {"from", "from_sha256", "scheme"} in its model.json; its out-of-fold logits and what drift is measured against, of the layers as they were, go along. channels: one a channel of the classifier. *temporary: new,
 * caller frees; NULL on failure. DESY_EUSAGE: nothing is there to quantise, or it is quantised; DESY_EENV: libtorch has no engine, or the directory can't be written. */
int desy_quantise(const desy_classifier *classifier, const char *beside, struct desy_quantised_channel channels[DESY_MAX_CHANNELS], char **temporary);

/* Median times, in seconds, of one clip by channel `index` of each of two classifiers, by turns: its network and what makes its input, but not pooling. clip: with its vector. */
int desy_quantise_times(const desy_classifier *const classifiers[2], int index, const struct desy_clip_numbers *clip, int runs, double seconds[2]);

#endif
