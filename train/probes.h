/* Inside train/: what the protocol lodo scores beside a model, from numbers that no model reads: metadata, the temporal channels
 * (train/temporal.h), the likelihood among real clips (train/stall.h). What beats or lifts a model would belong into it. */
#ifndef DESY_TRAIN_PROBES_H
#define DESY_TRAIN_PROBES_H

#include "features/store.h"
#include "train/items.h"
#include "train/temporal.h"
#include "train/training_set.h"

#define DESY_PROBE_FACTS 10

/* What a format tells without a look at the pictures: logarithms of width, height, frame rate, duration, bit rate and size; 1 or 0 for H.264, for GIF, for MP4; the depth of reordering. */
void desy_probe_facts(float facts[DESY_PROBE_FACTS], const struct desy_store_row *row);

/* Of every row of a training set that is one rank's. */
struct desy_probes {
    float *facts;      /* (total, DESY_PROBE_FACTS): what a format tells without a look at the pictures */
    uint8_t *moves;    /* (total): has temporal numbers */
    int32_t *n_frames; /* (total) */
};

/* Reads what the set does not hold. Not collective. Caller closes, also after an error. */
int desy_probes_read(struct desy_probes *probes, desy_store *store, const struct desy_training_set *set, const struct desy_items *items);
void desy_probes_close(struct desy_probes *probes);

/* Some columns of a table with one row a clip. */
struct desy_probe {
    const float *numbers;   /* (total, stride), of which `count` from numbers[0] on */
    size_t stride;
    int count;
    const uint8_t *present; /* (total): rows that have them; NULL: all */
    const double *beside;   /* (total): a logit that joins them; NULL: none */
};
struct desy_probe desy_probe_metadata(const struct desy_probes *probes);
/* count 0: this extractor has not what the channel needs. */
struct desy_probe desy_probe_temporal(const struct desy_probes *probes, const struct desy_training_set *set, const struct desy_temporal_channel *channel);

/* Logistic regression (C = .3) on standardised columns of the rows that have a weight and the numbers. scores
 * (total), logits of every row: where numbers lack, the logit beside them alone has a say, and without one NaN. All NaN where rows of a class lack. */
int desy_probe_fit(const struct desy_training_set *set, const double *weights, const struct desy_probe *probe, double *scores);

/* How unusual every row is among real clips: the negative sum of both log-likelihoods of train/stall.h, fitted to the rows of real clips in the training
 * part, views apart. Percentiles, as published, would tell nothing where clips are few beside the numbers of a frame: then every clip that was not
 * fitted to lies below all that were. scores (total): NaN for a clip without; for all of them where fewer than two real clips move. */
int desy_probe_stall(const struct desy_probes *probes, desy_store *store, const struct desy_training_set *set, double *scores);

#endif
