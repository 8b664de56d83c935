/* Inside train/ and for tests: the order of an epoch whose batches are balanced, by label or by source within each label. A pure function of a seed and of
 * the items' labels and sources, never of ranks. */
#ifndef DESY_TRAIN_BALANCE_H
#define DESY_TRAIN_BALANCE_H

#include "features/split.h"
#include "train/fit.h"

enum desy_balance_kind { DESY_BALANCE_NONE, DESY_BALANCE_LABEL, DESY_BALANCE_SOURCE };

/* Strata: the labels, or the sources of each label. */
struct desy_balance {
    size_t n;                    /* clips of the fit, and draws of an epoch */
    struct desy_stratum {
        uint64_t source;         /* 0 where labels are balanced */
        size_t first, count;     /* of members */
        size_t drawn;            /* in the epoch that is being made */
    } *strata;
    size_t of_label[3];          /* strata of label l: of_label[l] .. of_label[l + 1] - 1 */
    uint32_t *members;           /* (n): clips by stratum, counted among those that the fit has a weight for */
    uint32_t *shuffled, *rounds; /* (n): of each stratum's members; of a label's strata */
};

/* items (fit->total): sources. DESY_EENV: memory. Not collective. */
int desy_balance_open(struct desy_balance *balance, enum desy_balance_kind kind, const struct desy_fit *fit, const struct desy_split_item *items);
void desy_balance_close(struct desy_balance *balance);

/* n draws: real and AI-generated clips take turns, so that a batch has as many of each, or one more of one. The strata of a label come in rounds, each once
 * a round, and so equally often or once more; within a stratum a clip comes again when all others have. order (n): as members; repeats (n): how often
 * that clip came before in this epoch. */
void desy_balance_order(struct desy_balance *balance, uint64_t seed, uint32_t *order, uint32_t *repeats);

/* What stands for clip `id` at draw k where random numbers are made: dropout and augmentation are others each time that it comes. repeats NULL: it comes once. */
static inline uint64_t desy_time_id(uint64_t id, const uint32_t *repeats, size_t k)
{
    return repeats ? id + ((uint64_t)repeats[k] << 32) : id;
}

/* Sample weights that fit such an order: draws have balanced labels (and sources), so that the clips of a stratum keep their shares of it and every stratum
 * has the same mean, times of_class; the mean over all draws is 1. weights (fit->total), 0 where the fit's are. */
void desy_balance_weights(const struct desy_balance *balance, const struct desy_fit *fit, const double of_class[2], double *weights);

#endif
