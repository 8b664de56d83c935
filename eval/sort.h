/* Scores in descending order over all ranks: a distributed sample sort (Frazer & McKellar, JACM 1970). */
#ifndef DESY_EVAL_SORT_H
#define DESY_EVAL_SORT_H

#include "mpi/world.h"

struct desy_ranked {
    double score;    /* finite */
    uint32_t source; /* index into the caller's table */
    uint32_t label;  /* 0 or 1 */
};

/* Collective. *sorted (new, caller frees) of rank 0, then of rank 1, ... is `mine` of all ranks in descending order; equal
 * scores are on one rank, so that ties need no look across; among them label 0 comes first, then the lower source. Memory about twice N / P beside `mine`, but
 * for a value that very many share: that one is on one rank (eval/ranking.h has no such value).
 * DESY_EENV: memory; agreed. */
int desy_sort_scores(desy_world *world, const struct desy_ranked *mine, size_t n, struct desy_ranked **sorted, size_t *count);

#endif
