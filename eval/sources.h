/* The names of sources over all ranks, numbered alike on each. */
#ifndef DESY_EVAL_SOURCES_H
#define DESY_EVAL_SOURCES_H

#include "eval/scores.h"
#include "mpi/world.h"

struct desy_sources {
    char **names; /* ascending (strcmp), none empty */
    size_t n;
};

/* Collective; agreed. Every rank holds all names: there are few. DESY_EENV: memory. */
int desy_sources_open(desy_world *world, const struct desy_scores *scores, struct desy_sources *sources);
/* The number of `name`; sources->n for "". */
size_t desy_sources_find(const struct desy_sources *sources, const char *name);
void desy_sources_close(struct desy_sources *sources);

#endif
