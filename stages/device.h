/* Inside stages/: which device and how many decode helpers a rank takes where no option says. Not collective. */
#ifndef DESY_STAGES_DEVICE_H
#define DESY_STAGES_DEVICE_H

#include "mpi/world.h"

/* desy_torch_device for this rank: of several devices, ranks of a node take turns. Warns, once a node, where ranks share one: one process a GPU is what is fastest. */
int desy_rank_device(char device[16], const char *wanted, const desy_world *world);
/* Decode helpers: as many as the rank has cores; beside a GPU one less, for the process that feeds it, and one at least. */
int desy_rank_helpers(const char *device, const desy_world *world);

#endif
