/* A world of one beside that of the job: what it computes alone, all ranks together must compute to the bit. */
#ifndef DESY_TESTS_SOLO_H
#define DESY_TESTS_SOLO_H

#include "tests/mpi/check.h"

static desy_world *solo;

static int open_worlds(void)
{
    const int rc = desy_world_open_alone(&solo);
    return rc == DESY_OK ? desy_world_open(&world) : rc;
}

#endif
