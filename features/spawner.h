/* What the spawner offers the pool: processes to have and to end. Inside of helper.c; others: helper.h. `spawner` NULL: the one that this process forked. */
#ifndef DESY_FEATURES_SPAWNER_H
#define DESY_FEATURES_SPAWNER_H

#include "features/helper.h"

#include <stdbool.h>
#include <sys/types.h>

/* A new helper, which serves `socket` (SOCK_SEQPACKET: a request, then one byte when the clip in `memory` is filled: 0, or the
 * errno of a kernel that let the helper enter no sandbox) and dies when its other end is closed. The descriptors stay the caller's. threads: it may
 * start some. DESY_EENV. */
int desy_spawner_helper(desy_spawner *spawner, pid_t *helper, int socket, int memory, bool threads);
/* Kills it if it lives. *status as waitpid gives it; -1: not known. DESY_EENV: the spawner is gone. */
int desy_spawner_end(desy_spawner *spawner, int *status, pid_t helper);

#endif
