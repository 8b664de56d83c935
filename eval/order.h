/* The order of all scores on every rank, 4 bytes each: what can be counted from it again and again, with other weights of the clips. */
#ifndef DESY_EVAL_ORDER_H
#define DESY_EVAL_ORDER_H

#include "eval/sort.h"

struct desy_tie { uint64_t first, n; }; /* items of one score, of both labels */

struct desy_order {
    uint32_t *items; /* 2 x unit + label, by descending score; of equal scores the reals first */
    size_t n;
    struct desy_tie *ties;
    size_t n_ties;
    size_t above;    /* the items with a score >= the threshold are the first */
};

/* Collective; agreed. records: of this rank, `source` being a unit below 2^31. DESY_EENV: memory. */
int desy_order_open(desy_world *world, const struct desy_ranked *records, size_t n, double threshold, struct desy_order *order);
void desy_order_close(struct desy_order *order);

#endif
