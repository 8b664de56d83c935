/* How a detector fares on videos that were altered: scores of the same items, altered in one way after another, in the order of their rows. */
#ifndef DESY_EVAL_ROBUSTNESS_H
#define DESY_EVAL_ROBUSTNESS_H

#include "eval/scores.h"
#include "mpi/world.h"

#include <cjson/cJSON.h>

struct desy_altered_scores {
    const char *name, *words;     /* "crf28", "H.264, CRF 28"; of the first, which is not altered, "as_is" */
    struct desy_scores evaluated;
    struct desy_scores validation; /* no rows: no part that a threshold could be chosen on */
};

/* Collective; agreed. Adds `robustness` to metrics.json (NULL but on rank 0): of each alteration its clips, AUC with DeLong's interval, and what is flagged at `threshold`, which
 * was chosen on videos as they are; the share of verdicts that changed; and what is flagged at a recalibrated threshold, which flags as many of the altered real validation
 * clips as `threshold` does of those that are not. altered[0] is as_is; every rank has the same rows of all. DESY_EENV: memory. */
int desy_robustness_add(desy_world *world, const struct desy_altered_scores *altered, size_t n, double threshold, cJSON *json);

#endif
