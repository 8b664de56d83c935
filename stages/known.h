/* What a store knows of the clips that are evaluated, for the controls and the strata (eval/known.h). */
#ifndef DESY_STAGES_KNOWN_H
#define DESY_STAGES_KNOWN_H

#include "eval/known.h"
#include "features/store.h"
#include "train/items.h"

/* Collective; agreed. chosen[n]: the evaluated items in data-set order, of which this rank's rows are those of desy_scores_share. controls: also what the controls need.
 * DESY_EENV: memory; DESY_EDATA: the store. Caller closes, also after an error. */
int desy_known_open(desy_world *world, desy_store *store, const struct desy_items *items, const uint64_t *chosen, size_t n, uint64_t seed, bool controls, struct desy_known *known);
void desy_known_close(struct desy_known *known);

#endif
