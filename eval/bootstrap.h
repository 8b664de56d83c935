/* The bootstrap: what every resample makes of the AUC and of the rates at the threshold, counted in whole numbers.
 *
 * Every rank holds the whole order (4 bytes a clip) and counts whole blocks of DESY_LANES resamples, side by side in vector lanes: resamples are what is dealt to the ranks.
 * The other way, each rank counting all resamples on its part of the order, would make every rank draw all weights, which takes longer than counting (docs/performance.md). */
#ifndef DESY_EVAL_BOOTSTRAP_H
#define DESY_EVAL_BOOTSTRAP_H

#include "eval/order.h"
#include "eval/resample.h"

struct desy_resampled {
    int64_t twice;                /* twice the pairs ranked right, ties half */
    int64_t pos, neg;             /* clips, each as often as it was drawn */
    int64_t pos_above, neg_above; /* those called AI-generated */
};

/* Not collective. One block, counted with its weights, the largest of which is `most`: counts[DESY_LANES]. */
void desy_bootstrap_count(const struct desy_order *order, const uint8_t *weights, unsigned most, struct desy_resampled *counts);

/* Collective; agreed. *counts (new, caller frees): (n_orders, resamples), orders of the same units, which are drawn for all of them alike; the same on every rank, and at any
 * number of ranks. DESY_EENV: memory, 64 bytes a unit and a stratum. */
int desy_bootstrap_run(desy_world *world, const struct desy_units *units, const struct desy_order *orders, size_t n_orders, uint64_t seed, size_t resamples,
                       struct desy_resampled **counts);

double desy_resampled_auc(const struct desy_resampled *counts);
double desy_resampled_tpr(const struct desy_resampled *counts);
double desy_resampled_fpr(const struct desy_resampled *counts);
double desy_resampled_accuracy(const struct desy_resampled *counts);

#endif
