#include "base/error.h"
#include "eval/auc_interval.h"
#include "eval/ranking.h"
#include "mpi/fixed_sum.h"

#include <stdlib.h>

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
    const double pos = (double)ranking->pos, neg = (double)ranking->neg;
    double sums[2] = {0};
    const int rc = sum_placements(world, ranking, sums);
    if (rc != DESY_OK) return rc;
    const double variance = pos > 1 && neg > 1 ? sums[0] / (pos - 1.) + sums[1] / (neg - 1.) : 0.;
    desy_auc_interval(ranking->auc, variance, ranking->pos, ranking->neg, interval, method);
    return DESY_OK;
}
