/* The names of sources over all ranks, numbered alike on each. */
#ifndef DESY_EVAL_SOURCES_H
#define DESY_EVAL_SOURCES_H

#include "eval/scores.h"
#include "mpi/world.h"

struct desy_sources {
    char **names; /* ascending (strcmp), none empty */
    size_t n;
    uint32_t *number; /* of each name that the rows have here */
};

/* Collective; agreed. Every rank holds all names. DESY_EENV: memory. */
int desy_sources_open(desy_world *world, const struct desy_scores *scores, struct desy_sources *sources);
/* The number of a row's source; sources->n where it has none. `scores`: the same. */
uint32_t desy_sources_of(const struct desy_sources *sources, const struct desy_scores *scores, size_t row);
void desy_sources_close(struct desy_sources *sources);

#endif
