/* Inside train/: training level by level. Each level's model keeps its out-of-fold logits, so that the fusion can be fitted later. */
#ifndef DESY_TRAIN_LEVELS_H
#define DESY_TRAIN_LEVELS_H

#include "train/ensemble.h"
#include "train/provenance.h"

/* The newest version of each level in a save directory that was trained on this data, these training items and this seed; new,
 * caller frees; NULL: none. Not collective. DESY_EDATA if fewer than two levels have one. */
int desy_levels_find(char *directories[DESY_LEVELS], const char *save_dir, const struct desy_train_identity *identity, const char *training_sha256, uint64_t seed);

/* Their heads into `ensemble` (whose layout is set), and their out-of-fold logits, (n, ensemble->n), new, of the items `ids`
 * (n). Not collective. DESY_EDATA: another layout or other items. */
int desy_levels_load(struct desy_ensemble *ensemble, double **logits, char *const directories[DESY_LEVELS], const uint64_t *ids, size_t n, const char *device);

#endif
