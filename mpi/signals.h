/* SIGTERM, SIGINT and SIGUSR2 become a flag: work in progress is finished, then the program exits with DESY_EINTERRUPTED.
 * A second SIGINT or SIGTERM ends the process at once. */
#ifndef DESY_MPI_SIGNALS_H
#define DESY_MPI_SIGNALS_H

#include <stdbool.h>

void desy_signals_install(void);
/* Not collective: this process was asked to stop. */
bool desy_interrupted(void);
#endif
