/* Processors: those of the machine, and those that this process may run on (mpirun and Slurm bind ranks to fewer). */
#ifndef DESY_BASE_CPU_H
#define DESY_BASE_CPU_H

#include <stdint.h>

/* A function of plain loops, compiled for several instruction sets, the best of which is taken at run time. The bits are the same
 * with each, since -ffp-contract=off leaves every operation as it is written. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__) /* whose code can't run where the choice is made */
#define DESY_VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define DESY_VECTOR_CLONES
#endif

#define DESY_CPU_WORDS 16 /* 1,024 processors */

/* Number of processors online; at least 1. */
int desy_cpu_online(void);
/* Number of processors in this process's affinity mask; at least 1. */
int desy_cpu_available(void);
/* The mask itself, one bit a processor. */
void desy_cpu_mask(uint64_t mask[DESY_CPU_WORDS]);

#endif
