/* Placements of the clips (the pairs that each ranks right), summed over units: variances of the AUC and of a difference of two, and the jackknife. */
#ifndef DESY_EVAL_PLACEMENTS_H
#define DESY_EVAL_PLACEMENTS_H

#include "eval/order.h"

struct desy_placement {
    int64_t pos, neg;             /* clips of the unit */
    int64_t pos_right, neg_right; /* twice the pairs with any clip of the other class that its AI-generated, its real clips rank right; ties half */
    int64_t within;               /* twice those among its own clips */
    int64_t pos_above, neg_above; /* clips called AI-generated */
};

struct desy_placements {
    struct desy_placement *units; /* (n) */
    size_t n;
    int64_t pos, neg;             /* clips */
    int64_t twice;                /* pairs ranked right */
};

/* Not collective. n_units: those that the order speaks of. Both classes present. DESY_EENV: memory. */
int desy_placements_open(struct desy_placements *placements, const struct desy_order *order, size_t n_units);
void desy_placements_close(struct desy_placements *placements);

double desy_placements_auc(const struct desy_placements *placements);

/* Of the AUC, or, with `other` (of the same clips by other scores), of auc(other) - auc(placements): Obuchowski's variance for clusters (Biometrics 1997, equations 1 to 4; the
 * difference: its placements, cluster by cluster); where each unit is one clip, that of DeLong, DeLong & Clarke-Pearson (Biometrics 1988). 0: fewer than two units with AI-generated or
 * with real clips, or no variation. */
double desy_placements_variance(const struct desy_placements *placements, const struct desy_placements *other);

#endif
