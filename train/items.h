/* What training and evaluation both need to know of a store's items: ids, labels, sources, and the part each belongs to. */
#ifndef DESY_TRAIN_ITEMS_H
#define DESY_TRAIN_ITEMS_H

#include "features/split.h"
#include "features/store.h"
#include "mpi/world.h"

struct desy_items {
    size_t count;                  /* M: every item of the store, in data-set order, failed ones too */
    struct desy_split_item *split; /* (M): with parts as given or drawn by desy_split_draw */
    size_t *first;                 /* (M + 1): clips first[i]..first[i + 1] - 1 are those of item i, its windows and views */
    struct desy_item_clip {
        int64_t row;               /* into the features, -1: failed */
        int32_t n_frames, view;    /* view 0: as it is, else augmented */
        int32_t audio_samples;     /* 0: no sound */
        int32_t has_text;
    } *clips;                      /* (first[M]): rows of `videos` */
};

/* Collective. Each rank reads its share of `videos`, all get all of it (64 bytes a clip). Parts are drawn over all items, failed
 * ones too, so that a failure moves nobody else. require: as desy_split_draw. Every rank returns the same code. */
int desy_items_read(desy_world *world, desy_store *store, uint64_t seed, bool require, struct desy_items *items);
void desy_items_close(struct desy_items *items);

/* Could a model be trained on this list? Draws the parts as desy_items_read will, so that what is wrong with labels, parts and classes
 * shows before videos are extracted. Not collective. DESY_EDATA as desy_split_draw. */
int desy_items_check(const desy_dataset *dataset, uint64_t seed);

/* Could a clip of item i be read? */
bool desy_item_is_read(const struct desy_items *items, size_t i);

/* The clip of item i that stands for it, its first that could be read and is no view: an index into items->clips; SIZE_MAX: there is none. Not collective. */
size_t desy_item_first_clip(const struct desy_items *items, size_t i);

/* SHA-256 over the ids of the items that are in the training part and have features, ascending, 8 little-endian bytes each:
 * which items a model has seen. */
int desy_training_sha256(const struct desy_items *items, char hex[65]);

#endif
