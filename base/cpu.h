/* Processors: those of the machine, and those that this process may run on (mpirun and Slurm bind ranks to fewer). */
#ifndef DESY_BASE_CPU_H
#define DESY_BASE_CPU_H

#include <stdint.h>

#define DESY_CPU_WORDS 16 /* 1,024 processors */

/* Number of processors online; at least 1. */
int desy_cpu_online(void);
/* Number of processors in this process's affinity mask; at least 1. */
int desy_cpu_available(void);
/* The mask itself, one bit a processor. */
void desy_cpu_mask(uint64_t mask[DESY_CPU_WORDS]);

#endif
