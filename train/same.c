#include "train/same.h"

#include "base/error.h"
#include "base/hash.h"
#include "mpi/same.h"

#include <stdio.h>

int desy_same_data(const struct desy_fit *fit, const uint64_t *ids, const char *name)
{
    char what[128];
    uint64_t hash = desy_checksum64(fit->chosen, fit->labels, fit->total * sizeof *fit->labels);
    hash = desy_checksum64(hash, fit->weights, fit->total * sizeof *fit->weights);
    hash = desy_checksum64(hash, ids, fit->total * sizeof *ids);
    if (fit->stored) hash = desy_checksum64(hash, fit->stored->n_frames, fit->total * sizeof *fit->stored->n_frames);
    snprintf(what, sizeof what, "the training data (%s)", name);
    return desy_same(fit->world, hash, DESY_EDATA, what,
                     "its store, its options or its version of desy are others, or its memory is at fault; see that all ranks have the same, or leave that machine out, and start again");
}

int desy_same_parameters(desy_world *world, const float *parameters, size_t count, const uint32_t *order, size_t n, const char *name)
{
    char what[128];
    const uint64_t hash = desy_checksum64(desy_checksum64(count, order, n * sizeof *order), parameters, count * sizeof *parameters);
    snprintf(what, sizeof what, "the parameters or the order of clips (%s)", name);
    return desy_same(world, hash, DESY_EENV, what,
                     "a fault of a machine or of a library; nothing of it was kept. Leave that machine out and give the same command again: it goes on from the last checkpoint");
}
