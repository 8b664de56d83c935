/* Is what is evaluated in the training part, too? */
#ifndef DESY_TRAIN_COPIES_H
#define DESY_TRAIN_COPIES_H

#include "features/store.h"
#include "train/items.h"

/* Cosine of the means over frames of the encoder's numbers from which two clips are taken for copies. Of 164 open clips (docs/evaluation.md) 95 % of those encoded again with CRF 28 lie
 * above .91 of their original, and the nearest other clip of 95 % lies below .76. Measured for `hybrid`; other extractors: only what is all but equal. */
#define DESY_COPY_COSINE .9
#define DESY_EQUAL_COSINE .9999

#define DESY_COPIES_EVALUATED 2000 /* of more, evaluated or in the training part, a sample is drawn */
#define DESY_COPIES_TRAINED 50000

struct desy_copies {
    size_t compared, trained; /* clips of the evaluated items that were looked at, and those of the training part that they were compared with */
    size_t evaluated_all, trained_all;
    size_t torn;              /* evaluated items, those outside a sample too, whose group has items in the training part */
    double cosine;            /* from which on */
    uint8_t *copied;          /* (n): of the evaluated items; 0: nothing found; 1: there is a copy, or its group is torn; 2: not looked at, or itself of the training part */
    struct desy_copy {
        uint64_t item, of;    /* indices of the store's items: evaluated; trained on, the nearest, ties to the first */
        double cosine;
    } *pairs;                 /* nearest first, then by item; one an evaluated item */
    size_t n_pairs;
};

/* Collective; agreed. chosen[n]: the evaluated items, the same on every rank. Reads the features of the clips that it compares, each rank its share of the training part. The same at any
 * number of ranks, and a function of seed. Caller closes, also after an error. DESY_EENV: memory; DESY_EDATA: the store. */
int desy_copies_find(desy_world *world, desy_store *store, const struct desy_items *items, const uint64_t *chosen, size_t n, uint64_t seed, struct desy_copies *copies);
void desy_copies_close(struct desy_copies *copies);

#endif
