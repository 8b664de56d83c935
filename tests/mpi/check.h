/* check(): says rank, file and line and ends the process. mpirun then ends the job; a test framework's jump out of a
 * collective would leave the other ranks waiting. */
#ifndef DESY_TESTS_CHECK_H
#define DESY_TESTS_CHECK_H

#include "base/error.h"
#include "mpi/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static desy_world *world;

#define check(condition)                                                                                                            \
    do {                                                                                                                            \
        if (!(condition)) {                                                                                                         \
            fprintf(stderr, "rank %d of %d: %s:%d: %s (%s)\n", desy_rank(world), desy_size(world), __FILE__, __LINE__, #condition, \
                    desy_error_message());                                                                                          \
            _exit(1);                                                                                                               \
        }                                                                                                                           \
    } while (0)

#endif
