#include "base/error.h"
#include "eval/ranking.h"
#include "mpi/fixed_sum.h"

#include <math.h>
#include <stdlib.h>

/* Newcombe's V: Hanley and McNeil's variance with both sample sizes as their mean. */
static double newcombe_variance(double theta, double pos, double neg)
{
    const double star = (pos + neg) / 2. - 1.;
    return theta * (1. - theta) * (1. + star * (1. - theta) / (2. - theta) + star * theta / (1. + theta)) / (pos * neg);
}

#define QUANTILE 1.959963984540054 /* of the normal distribution, .975 */

/* The theta between auc and `end` at which |auc - theta| = z sqrt(V(theta)). */
static double newcombe_bound(double auc, double end, double pos, double neg)
{
    double inside = auc, outside = end;
    for (int i = 0; i < 100; i++) {
        const double middle = (inside + outside) / 2.;
        if (fabs(auc - middle) <= QUANTILE * sqrt(newcombe_variance(middle, pos, neg))) inside = middle;
        else outside = middle;
    }
    return inside;
}

/* Sums of squares of placements (the share of the other class on the right side) about the AUC: [0] of positives, [1] of negatives, each over its class and hence
 * at most 1, which a fixed scale holds. */
static int sum_placements(desy_world *world, const desy_ranking *ranking, double sums[2])
{
    const double pos = (double)ranking->pos, neg = (double)ranking->neg;
    const int exponent = desy_fixed_exponent(1., 1);
    int64_t accumulator[2] = {0};
    struct desy_groups *groups = malloc(sizeof *groups);
    int rc = groups ? DESY_OK : desy_error_memory("groups of equal scores");
    if (groups) desy_groups_open(groups, ranking, false);
    while (rc == DESY_OK && desy_groups_next(groups))
        for (size_t i = 0; i < groups->n && rc == DESY_OK; i++) {
            const struct desy_group *group = &groups->group[i];
            const double of_pos = (2. * (neg - (double)group->fp) + (double)group->neg) / (2. * neg) - ranking->auc;
            const double of_neg = (2. * (double)(group->tp - group->pos) + (double)group->pos) / (2. * pos) - ranking->auc;
            rc = desy_fixed_add(accumulator, (double[]){(double)group->pos / pos * of_pos * of_pos, (double)group->neg / neg * of_neg * of_neg}, 2, exponent);
        }
    free(groups);
    rc = desy_agree(world, rc);
    if (rc == DESY_OK) desy_fixed_finish(world, accumulator, sums, 2, exponent);
    return rc;
}

int desy_ranking_auc_interval(desy_world *world, const desy_ranking *ranking, double interval[2], const char **method)
{
    const double pos = (double)ranking->pos, neg = (double)ranking->neg, auc = ranking->auc;
    double sums[2] = {0};
    const int rc = sum_placements(world, ranking, sums);
    if (rc != DESY_OK) return rc;
    const double variance = pos > 1 && neg > 1 ? sums[0] / (pos - 1.) + sums[1] / (neg - 1.) : 0.;
    if (variance > 0) {
        *method = "DeLong";
        interval[0] = fmax(0., auc - QUANTILE * sqrt(variance));
        interval[1] = fmin(1., auc + QUANTILE * sqrt(variance));
    } else {
        *method = "Newcombe";
        interval[0] = newcombe_bound(auc, 0., pos, neg);
        interval[1] = newcombe_bound(auc, 1., pos, neg);
    }
    return DESY_OK;
}
