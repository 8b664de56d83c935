/* Rows of two tables that are spread over the ranks in different ways, matched by id. */
#ifndef DESY_EVAL_MATCH_H
#define DESY_EVAL_MATCH_H

#include "eval/scores.h"
#include "mpi/world.h"

/* Collective; agreed. other[scores->n] gets the score that `rival` has of each row's id; NaN: none, because it failed there. Names are for messages.
 * DESY_EDATA: ids that are in one table alone (how many, and the first), an id twice in a table, another label. DESY_EENV: memory. N / P rows a rank travel. */
int desy_match(desy_world *world, const struct desy_scores *scores, const char *name, const struct desy_scores *rival, const char *rival_name, double *other);

#endif
