/* One file from what all ranks hold, in rank order: rank 0 writes, and holds no more than a piece of a part at a time. */
#ifndef DESY_EVAL_TURNS_H
#define DESY_EVAL_TURNS_H

#include "mpi/world.h"

#include <stdio.h>

struct desy_part {
    const char *header, *footer;                     /* lines before and after; "" for none */
    void (*write)(FILE *stream, const void *context); /* this rank's part; the stream tells of failures */
    const void *context;
    bool backwards;                                  /* the last rank first */
};

/* Collective; agreed. The file appears complete or not at all. DESY_EENV: memory, a file that can't be written. */
int desy_write_in_turn(desy_world *world, const char *directory, const char *name, const struct desy_part *part);

#endif
