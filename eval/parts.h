/* A table of scores of several parts: the validation part chooses, the test part is evaluated. */
#ifndef DESY_EVAL_PARTS_H
#define DESY_EVAL_PARTS_H

#include "eval/scores.h"
#include "mpi/world.h"

struct desy_parts {
    int64_t validation, test, others; /* rows over all ranks */
};

/* Collective; agreed. Where there are rows whose `split` is val, and rows whose split is test: the former are moved to *validation (empty before; caller closes), the latter stay in
 * *scores, the others are dropped. Else nothing changes, and *validation stays empty. DESY_EENV: memory. */
int desy_scores_divide(desy_world *world, struct desy_scores *scores, struct desy_scores *validation, struct desy_parts *parts);

#endif
