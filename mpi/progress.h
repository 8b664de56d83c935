/* Progress of long work, by rank 0: a bar with an ETA on a terminal, a line every so often (10 s, then rarer) otherwise. */
#ifndef DESY_MPI_PROGRESS_H
#define DESY_MPI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum desy_progress_mode { DESY_PROGRESS_AUTO, DESY_PROGRESS_ALWAYS, DESY_PROGRESS_NEVER };

struct desy_progress {
    const char *what; /* "extract" */
    double total, done; /* in any unit of work; the ETA assumes that it passes evenly */
    uint64_t items_total, items_done, items_failed;
    double started, shown; /* seconds, monotonic */
    bool terminal, silent;
};

/* Not collective. `silent` on every rank but 0. AUTO: a bar if stderr is a terminal, lines otherwise; ALWAYS: lines even when quiet. */
void desy_progress_start(struct desy_progress *progress, const char *what, double total, uint64_t items, enum desy_progress_mode mode, bool silent);
/* Shows if it is time to. Cheap: call as often as you like. */
void desy_progress_show(struct desy_progress *progress);
/* The last line: items, failures, time taken. */
void desy_progress_finish(struct desy_progress *progress);

#endif
