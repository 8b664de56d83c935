/* Inside train/: ranks that have other data or other parameters than the rest, which a fault of a machine or a library would cause, are told of in
 * place of trained on. Collective; the message names the rank and says what to do. */
#ifndef DESY_TRAIN_SAME_H
#define DESY_TRAIN_SAME_H

#include "train/fit.h"

/* Labels, weights, ids (total) and lengths of clips. DESY_EDATA. `name`: of the fit. */
int desy_same_data(const struct desy_fit *fit, const uint64_t *ids, const char *name);
/* Parameters and the order of the epoch, n clips. DESY_EENV. */
int desy_same_parameters(desy_world *world, const float *parameters, size_t count, const uint32_t *order, size_t n, const char *name);

#endif
