/* Inside features/: what the pool asks of the spawner. */
#ifndef DESY_FEATURES_SPAWNER_H
#define DESY_FEATURES_SPAWNER_H

#include "features/clip.h"

#include <sys/types.h>

struct desy_helper {
    pid_t pid;
    int socket; /* requests go down, one byte comes up when the clip is there */
    const struct desy_clip *shared; /* written by the helper */
};

/* A new helper; DESY_EENV. */
int desy_spawner_spawn(struct desy_helper *helper);
/* Ends a helper (it may be dead already) and releases everything; *wait_status as waitpid gives it. */
int desy_spawner_reap(struct desy_helper *helper, int *wait_status);

#endif
