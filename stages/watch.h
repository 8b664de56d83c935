/* desy batch --watch: an inbox that is looked at until the program is told to stop. */
#ifndef DESY_STAGES_WATCH_H
#define DESY_STAGES_WATCH_H

#include "detect/scoring.h"
#include "stages/stage.h"

#include <stddef.h>

/* Scores what lies in the directories and what arrives there, once it was left alone for two seconds, and appends a line for each to `output`, in the order of scoring, with `time` (of scoring), `bytes` and
 * `modified` of the file. What `output` has a line for is not scored again, unless the file has changed since. Runs alone, until SIGTERM or SIGINT: DESY_OK. DESY_EDATA: no such directory, or `output` is
 * not what batch writes; DESY_EENV: it can't be written. */
int desy_watch(const struct desy_invocation *invocation, desy_scoring *scoring, const char *const *directories, size_t n, const char *output);

#endif
