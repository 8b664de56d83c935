/* Which videos show nearly the same, among 10^6 of them, without comparing all pairs. Pure functions. */
#ifndef DESY_FEATURES_NEAR_DUPLICATES_H
#define DESY_FEATURES_NEAR_DUPLICATES_H

#include "features/fingerprint.h"
#include "features/split.h"

#include <stddef.h>

/* Two videos are near duplicates if desy_fingerprint_distance is no more than this. */
#define DESY_NEAR_RADIUS 4

struct desy_near_item {
    struct desy_fingerprint print;
    int label;                 /* 0, 1; -1: none */
    enum desy_split_part part; /* as given */
};

enum desy_near_kind { DESY_NEAR_OTHER_LABEL, DESY_NEAR_OTHER_PART, DESY_NEAR_ALIKE }; /* worst first */

struct desy_near_pair {
    uint32_t a, b; /* items, a < b */
    uint32_t cluster; /* one of its items, the same one in all pairs of the cluster */
    enum desy_near_kind kind;
    double distance;
};

/* Both have a label, and not the same; else both have a part, and not the same; else the last kind. */
enum desy_near_kind desy_near_kind_of(const struct desy_near_item *a, const struct desy_near_item *b);

/* Of the graph of all pairs of near duplicates the minimal spanning forest: for every cluster of k videos the k - 1 pairs that join it, worst kind and then
 * smallest distance first, and in that order, ties by a and b. Exact: multi-index hashing (Norouzi, Punjani & Fleet, "Fast search in Hamming space with
 * multi-index hashing", CVPR 2012) of each frame's hash in 4 bands of 16 bits. The frame whose bands are fullest, a title card maybe, is left out of the search, not of the distance.
 * *pairs: new, caller frees. Memory: 32 bytes an item and 24 a pair, of which a few millions are held. count < 2^32. DESY_EENV: memory. */
int desy_near_duplicates(struct desy_near_pair **pairs, size_t *n, const struct desy_near_item *items, size_t count);

#endif
