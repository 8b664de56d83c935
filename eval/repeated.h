/* Texts that occur twice. */
#ifndef DESY_EVAL_REPEATED_H
#define DESY_EVAL_REPEATED_H

#include "eval/names.h"
#include "mpi/world.h"

/* Collective; agreed. Texts are numbered over the ranks, in their order. Of those that an earlier one equals, *second is the first, and *first the earlier one; -1
 * where there are none. By hashes, which are exchanged: 8 bytes a text, three times. DESY_EENV: memory. */
int desy_texts_find_repeated(desy_world *world, const struct desy_texts *texts, int64_t *first, int64_t *second);

#endif
