/* Inside train/ and for tests: the items of a training, their pooled vectors spread over the ranks. */
#ifndef DESY_TRAIN_TRAINING_SET_H
#define DESY_TRAIN_TRAINING_SET_H

#include "base/scratch.h"
#include "train/fit.h"
#include "train/items.h"
#include "train/pool.h"

#include <stdbool.h>

#define DESY_FOLDS 5

/* Rows are those of the store's features, in its order: clips, of which an item may have several (windows, views), one after another and
 * with one id. Test items and unlabelled ones are there, but never chosen. */
struct desy_training_set {
    desy_world *world;
    struct desy_layout layout;
    size_t total, first, count;    /* rows over all ranks; this rank's, whole tiles */
    float *vectors;                /* (count, desy_pool_width), in: */
    struct desy_scratch scratch;
    struct desy_split_item *items; /* (total), on every rank */
    uint8_t *augmented;            /* (total): the view, 0 for none: views are fitted to, and nothing is measured by them */
    uint8_t *labels;               /* (total) */
    int *folds;                    /* (total): 0..DESY_FOLDS - 1 for training items, else -1 */
    uint8_t *kin;                  /* (total): bit f: fold f has an item of the same group */
    bool by_source;                /* folds keep sources apart, else groups */
    size_t counts[3][2];           /* part, label: items */
    struct desy_stored stored;     /* their rows of a store; .store NULL: there is none */
};

/* Room for `total` rows, and which are this rank's. Not collective. The caller fills items (with parts) and vectors. */
int desy_training_set_open(struct desy_training_set *set, desy_world *world, const struct desy_layout *layout, size_t total);
/* From the filled items: labels, counts, folds; again, when their parts have changed. Not collective; the same on every rank.
 * DESY_EDATA: fewer than 4 training items of a class, or folds that lack one. */
int desy_training_set_finish(struct desy_training_set *set, uint64_t seed);
/* Collective: both of the above and the vectors, each rank reading its rows by hyperslabs of a tile. The store must outlive the set.
 * scratch: a directory for vectors that are many (base/scratch.h); NULL: they are in memory. */
int desy_training_set_read(struct desy_training_set *set, desy_world *world, desy_store *store, const struct desy_items *items, uint64_t seed, const char *scratch);
void desy_training_set_close(struct desy_training_set *set);

/* Sample weights of the training items, without those of fold `left_out` and those of other folds that share a group with one of
 * them (a prompt that several generators were given), or of all (-1): 1 / sqrt(items of the source), in equal shares for the clips of an
 * item, so that many windows weigh no more than one; each class scaled to half the items. weights (total), 0 for the others;
 * *chosen: how many are not 0. Not collective. */
int desy_training_weights(const struct desy_training_set *set, int left_out, double *weights, size_t *chosen);
/* The same of the validation items, without views. */
int desy_validation_weights(const struct desy_training_set *set, double *weights, size_t *chosen);

/* From clips to items, which is what is measured: an item is its first row, with the weight of all its rows ... */
void desy_training_weigh_items(const struct desy_training_set *set, double *weights, size_t *chosen);
/* ... and the mean of each of the n numbers, values (total, n), over its rows that are no views and have it (NaN: not), as evaluation averages windows. */
void desy_training_average(const struct desy_training_set *set, double *values, size_t n);

struct desy_fit desy_training_fit(const struct desy_training_set *set, const double *weights, size_t chosen);

#endif
