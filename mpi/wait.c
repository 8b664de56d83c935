#include "mpi/wait.h"

#include <time.h>

void desy_mpi_pause(long *pause_us)
{
    *pause_us = *pause_us == 0 ? 5 : *pause_us >= 500 ? 1000 : 2 * *pause_us;
    const struct timespec pause = {.tv_nsec = *pause_us * 1000};
    nanosleep(&pause, NULL);
}

void desy_mpi_wait(MPI_Request *request)
{
    int done = 0;
    long pause = 0;
    /* Most collectives are done within microseconds: a short spin first, or training would sleep at every step. */
    for (int i = 0; i < 200 && !done; i++) MPI_Test(request, &done, MPI_STATUS_IGNORE);
    while (!done) {
        desy_mpi_pause(&pause);
        MPI_Test(request, &done, MPI_STATUS_IGNORE);
    }
}
