/* What all ranks must have alike, and would have but for a fault of a machine, its memory or a library: compared, and told of. */
#ifndef DESY_MPI_SAME_H
#define DESY_MPI_SAME_H

#include "mpi/world.h"

/* Collective; one maximum of four numbers while all is well. DESY_OK: `hash` is the same on every rank. Else `code` on all of them, and a message that begins
 * with `what` ("the parameters of high_mlp"), names the ranks whose hash is not that of more than half, where there is such a one, and ends with `advice`. */
int desy_same(desy_world *world, uint64_t hash, int code, const char *what, const char *advice);

#endif
