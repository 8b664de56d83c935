/* Training: a store becomes a model directory. Small forms are convex and solved; full forms are trained by epochs.
 * Everything fitted is the same to the bit at any number of ranks (unless options->fast). */
#ifndef DESY_TRAIN_TRAIN_H
#define DESY_TRAIN_TRAIN_H

#include "features/crop_augment.h"
#include "features/store.h"
#include "model/model.h"
#include "mpi/world.h"
#include "train/balance.h"
#include "train/learning_rate.h"
#include "train/optimizer.h"
#include "train/rate_sweep.h"

/* All levels and their fusion; or the fusion alone, of the newest versions of the levels that were trained one by one. */
enum { DESY_TRAIN_ALL = -1, DESY_TRAIN_FUSION = 3 };
enum desy_size { DESY_SIZE_AUTO, DESY_SIZE_SMALL, DESY_SIZE_FULL };
enum desy_class_weighting { DESY_CLASSES_BALANCED, DESY_CLASSES_UNWEIGHTED, DESY_CLASSES_GIVEN };

struct desy_train_options {
    const char *save_dir;
    uint64_t seed;
    int level;                    /* enum desy_level (train/channel.h): that one alone; DESY_TRAIN_ALL, DESY_TRAIN_FUSION */
    enum desy_size size;          /* of levels that have both forms; auto: both are trained, and the full one stays if it is clearly better out of fold */
    /* full forms */
    int epochs, batch_size, patience;
    double min_delta;             /* of the validation loss: less than that is not better, for `patience` */
    int accumulate;               /* batches a step; 0 is 1 */
    enum desy_optimizer_kind optimizer;
    double learning_rate, weight_decay, momentum; /* momentum: of SGD */
    enum desy_schedule_kind schedule;
    int warmup_epochs;
    double clip_norm;             /* of the gradient, at most; 0: no limit */
    enum desy_augmentation augmentation; /* of the crops that are fitted to */
    bool focal;
    double focal_gamma, focal_alpha; /* alpha < 0: unweighted */
    double label_smoothing;
    enum desy_balance_kind balance; /* of an epoch's draws; none: every clip once */
    enum desy_class_weighting class_weighting;
    double class_weights[2];      /* given ones, of real and AI-generated clips */
    double checkpoint_minutes;    /* of full forms: 0: one after every step; they decide nothing of the model */
    bool anew;                    /* an interrupted training is not continued */
    bool all_parts;               /* fits to all labelled items, whatever their part; the threshold is then chosen out of fold. Small forms alone */
    double most_false_alarms;     /* of the threshold: share of real clips above it, at most; 1: no limit */
    enum desy_precision precision; /* of the products of gradients */
    bool fast;                    /* more than 8 ranks get a virtual shard each: then not reproducible across rank counts */
    int workers;                  /* threads of a rank that read batches from the store; 0 is 1. They decide nothing of the model */
    int empty_cache_every;        /* steps, after which libtorch's cache of device memory is released; 0: never */
    const char *device;           /* as desy_torch_device gives it */
};

struct desy_train_result {
    char *directory;         /* the model's; caller frees */
    bool skipped;            /* the current model has the same data, options and seed: nothing was done */
    bool by_source;          /* unit of the folds: sources, else groups */
    double out_of_fold_auc, validation_auc, threshold;
};

/* Collective. Writes SAVE_DIR/vNNNN/ (model.json, weights.safetensors) under a temporary name, renames it, then has
 * SAVE_DIR/current (a text file) name it. DESY_EDATA on every rank: too few items, one class alone, features that are not
 * finite, an extractor of unknown layout; DESY_EENV: it can't be written; DESY_EINTERRUPTED: a signal came. */
int desy_train(desy_world *world, desy_store *store, const struct desy_train_options *options, struct desy_train_result *result);

/* What models say of clips that they have not seen, one a fold. */
struct desy_out_of_fold {
    size_t n;        /* labelled items that could be read */
    uint64_t *ids;   /* (n) */
    uint8_t *labels; /* (n) */
    double *logits;  /* (n): fused, at equal classes */
    bool by_source;  /* unit of the folds: sources, else groups */
};
/* Collective; writes nothing, the same on every rank. Of the items that these options train on. Errors as desy_train. */
int desy_train_out_of_fold(desy_world *world, desy_store *store, const struct desy_train_options *options, struct desy_out_of_fold *out_of_fold);
void desy_out_of_fold_close(struct desy_out_of_fold *out_of_fold); /* safe on a zeroed one */

/* Collective; writes nothing. A sweep of the learning rate for every full form that these options train: sweeps[*n], new, caller frees. DESY_EUSAGE: there is none. */
int desy_train_find_rates(desy_world *world, desy_store *store, const struct desy_train_options *options, struct desy_rate_sweep **sweeps, int *n);

#endif
