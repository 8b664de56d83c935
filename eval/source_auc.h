/* How well the clips of each source are ranked. */
#ifndef DESY_EVAL_SOURCE_AUC_H
#define DESY_EVAL_SOURCE_AUC_H

#include "eval/sort.h"

/* Collective; agreed; both classes present. auc[n_sources]: of a source with one class, its clips against all of the other class; of one with both, within it.
 * NaN where the source has no clip. `mine`: sources below n_sources. DESY_EENV: memory, of which every rank needs some for each source. */
int desy_source_auc(desy_world *world, const struct desy_ranked *mine, size_t n, size_t n_sources, double *auc);

#endif
