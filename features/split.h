/* Train, validation and test parts: as the data set says, or drawn. A pure function of (seed, items), never of order. */
#ifndef DESY_FEATURES_SPLIT_H
#define DESY_FEATURES_SPLIT_H

#include "features/dataset.h"

struct desy_split_item {
    uint64_t id;           /* item id */
    uint64_t group;        /* hash of the group, or of the id where there is none: never torn apart */
    uint64_t source;       /* hash of the source */
    int label;             /* 0 or 1; -1: no part is drawn */
    enum desy_split_part part; /* in: as given; out: drawn for those with DESY_SPLIT_NONE if no item has a part */
};

/* If any item has a part, parts stay as they are (an item without one is an error). Else 70/15/15: groups in order of
 * hash(seed, group) within their stratum (label, source), each dealt to the part that lacks most.
 * DESY_EDATA, with advice, if a part lacks a class (`require` false: only warns in the log) or a group lies in two parts. */
int desy_split_draw(struct desy_split_item *items, size_t n, uint64_t seed, bool require);

/* folds[i] in 0..k-1 for out-of-fold training, by source where each class has at least 3 sources (returned in
 * *by_source), else by group; each class dealt to balance counts (largest unit first, ties by hash(seed, unit)). */
int desy_split_folds(int *folds, bool *by_source, const struct desy_split_item *items, size_t n, int k, uint64_t seed);

const char *desy_split_name(enum desy_split_part part); /* "train", "val", "test", "" */
int desy_split_parse(enum desy_split_part *part, const char *name); /* "" gives NONE; DESY_EDATA */

#endif
