/* Inside mpi/ only: the communicator, the tags, and waiting that leaves the core to decode helpers. */
#ifndef DESY_MPI_WAIT_H
#define DESY_MPI_WAIT_H

#include "mpi/world.h"

#include <mpi.h>

enum { DESY_TAG_GATHER = 1, DESY_TAG_EXCHANGE, DESY_TAG_READY, DESY_TAG_TASK, DESY_TAG_PAYLOAD, DESY_TAG_TREE };

/* MPI_COMM_NULL when alone. */
MPI_Comm desy_world_comm(const desy_world *world);

/* A pause that starts short and grows: *pause_us is kept by the caller, 0 at first. */
void desy_mpi_pause(long *pause_us);

/* MPI_Wait with pauses in place of spinning: Open MPI's own wait burns the core that another process needs. */
void desy_mpi_wait(MPI_Request *request);

#endif
