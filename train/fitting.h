/* Inside train/: everything that is fitted to a training set: out-of-fold logits of every channel, which form of a level is kept, the
 * final fit of the channels, and their fusion on the out-of-fold logits. Collective; the same on every rank. */
#ifndef DESY_TRAIN_FITTING_H
#define DESY_TRAIN_FITTING_H

#include "train/ensemble.h"
#include "train/epochs.h"
#include "train/training_set.h"

struct desy_fitting {
    const struct desy_train_options *options;
    struct desy_checkpoints *checkpoints; /* of full forms; NULL: none. Borrowed; the caller's to set once it is open */
    const struct desy_training_set *set; /* borrowed */
    uint64_t *ids;                       /* (total): of clips */
    uint8_t *moves;                      /* (total): clips that have temporal numbers */
    double *weights, *fold_weights, *validation_weights; /* (total), of clips: all that is trained on, without a fold, validation */
    double *masked, *validation_masked;  /* (total): of the channel that is being fitted */
    double *item_weights, *validation_item_weights;      /* (total): of their items (desy_training_weigh_items) */
    struct desy_fit fit, validation;     /* what heads are fitted to, and stop by: clips */
    struct desy_fit measured, validation_measured; /* what is measured, and fused by: items, with the mean of their clips' logits */
    const struct desy_channel *candidates[DESY_MAX_CHANNELS];
    int n;
    double *out_of_fold;                 /* (total, n), of clips; of an item's first one the item's */
    double centres[DESY_MAX_CHANNELS];   /* (n) of additional channels: what was taken from those, and is from the final logits */
    struct desy_ensemble ensemble;       /* of the channels that are kept */
    double *logits;                      /* (total, ensemble.n): out-of-fold, of those; from desy_fitting_fuse on (total), fused */
    struct desy_curve curves[DESY_MAX_CHANNELS]; /* of the ensemble's full forms, in their final fits */
};

/* Room, weights, and which channels the extractor and the options allow. DESY_EDATA: none. */
int desy_fitting_open(struct desy_fitting *f, const struct desy_training_set *set, const struct desy_train_options *options);
void desy_fitting_close(struct desy_fitting *f);

/* Has this row what the channel reads? */
bool desy_fitting_has(const struct desy_fitting *f, const struct desy_channel *channel, size_t row);

/* The learning rate of a full form, as its final fit would begin. */
int desy_fitting_sweep(struct desy_fitting *f, const struct desy_channel *channel, struct desy_rate_sweep *sweep);

/* Fills out_of_fold, ensemble.heads and logits. DESY_EINTERRUPTED: a signal came. */
int desy_fitting_channels(struct desy_fitting *f);
/* The fusion of ensemble.heads by `logits`, which become fused ones. */
int desy_fitting_fuse(struct desy_fitting *f);

/* Logits of every row by the final channels, (total, ensemble.n), on every rank; new, caller frees. */
int desy_fitting_logits(const struct desy_fitting *f, double **logits);

#endif
