/* What a detector must beat to have looked at the pictures: a logistic regression on metadata alone, fitted to the training part. */
#ifndef DESY_TRAIN_METADATA_PROBE_H
#define DESY_TRAIN_METADATA_PROBE_H

#include "features/store.h"
#include "train/items.h"

/* Collective; agreed. logits (n): of the items chosen[n]; NaN for one that could not be read, and for all where the training part lacks a class. An item's metadata are those of
 * its first clip that could be read and is no view. The probe's ten numbers are those of train/probes.h, standardised; C = .3; each class has half of the weight.
 * The same bits at any number of ranks. chosen: the same on every rank. DESY_EENV: memory; DESY_EDATA: the store. */
int desy_metadata_probe(desy_world *world, desy_store *store, const struct desy_items *items, const uint64_t *chosen, size_t n, double *logits);

#endif
