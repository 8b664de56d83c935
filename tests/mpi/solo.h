/* A world of one beside that of the job: what it computes alone, all ranks together must compute to the bit. */
#ifndef DESY_TESTS_SOLO_H
#define DESY_TESTS_SOLO_H

#include "tests/mpi/check.h"

static desy_world *solo;

/* Alone in spite of mpirun, whose signs (mpi/world.c) are hidden for a moment. */
static int open_worlds(void)
{
    static const char *const signs[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"};
    char *values[4];
    for (int i = 0; i < 4; i++) {
        values[i] = getenv(signs[i]) ? strdup(getenv(signs[i])) : NULL;
        unsetenv(signs[i]);
    }
    int rc = desy_world_open(&solo);
    for (int i = 0; i < 4; i++) {
        if (values[i]) setenv(signs[i], values[i], 1);
        free(values[i]);
    }
    return rc == DESY_OK ? desy_world_open(&world) : rc;
}

#endif
