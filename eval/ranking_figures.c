#include "eval/ranking_figures.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>

const double desy_fpr_limits[DESY_FPR_LIMITS] = {.05, .01, .001};

#define ONE 0x1p60 /* in the sums of average precision, whose terms add up to at most 1: exact at any number of ranks, and off by less than 1e-10 after 1e8 terms */

struct figures {
    const desy_ranking *ranking;
    int64_t groups;
    int64_t twice;          /* twice the pairs ranked right */
    int64_t twice_partial;  /* of them, with a negative that is among the first DESY_MOST_FPR */
    int64_t precision[2];   /* times ONE */
    double rate;            /* of equal errors; -1: not on this rank */
    double crossing;        /* the area from the last point below DESY_MOST_FPR to there; -1: not on this rank */
    int64_t most_partial, most[DESY_FPR_LIMITS]; /* negatives within the limit */
    struct desy_fpr_point at_fpr[DESY_FPR_LIMITS];
};

/* The largest n with n / all <= limit, as doubles have it. */
static int64_t most_within(double limit, int64_t all)
{
    int64_t n = (int64_t)(limit * (double)all) + 1;
    while ((double)n / (double)all > limit) n--;
    return n;
}

static int64_t twice_ranked_right(const struct desy_group *group) { return group->neg * (2 * (group->tp - group->pos) + group->pos); }

static void add_precision(struct figures *figures, const struct desy_groups *groups)
{
    const double pos = (double)figures->ranking->pos, neg = (double)figures->ranking->neg;
    int64_t sums[2] = {0};
    for (size_t i = 0; i < groups->n; i++) {
        const struct desy_group *group = &groups->group[i];
        const double tn = neg - (double)(group->fp - group->neg), fn = pos - (double)(group->tp - group->pos);
        sums[0] += llrint((double)group->pos / pos * ((double)group->tp / (double)(group->tp + group->fp)) * ONE);
        sums[1] += llrint((double)group->neg / neg * (tn / (tn + fn)) * ONE);
    }
    figures->precision[0] += sums[0];
    figures->precision[1] += sums[1];
}

/* Straight from the point before the group to its own: where FNR, 1 - TPR, comes down to FPR. */
static void find_equal_error_rate(struct figures *figures, const struct desy_groups *groups)
{
    const double pos = (double)figures->ranking->pos, neg = (double)figures->ranking->neg;
    const struct desy_group *last = &groups->group[groups->n - 1];
    if (figures->rate >= 0 || 1. - (double)last->tp / pos - (double)last->fp / neg > 0) return;
    for (size_t i = 0; i < groups->n; i++) {
        const struct desy_group *group = &groups->group[i];
        const double before_fpr = (double)(group->fp - group->neg) / neg, fpr = (double)group->fp / neg;
        const double before = 1. - (double)(group->tp - group->pos) / pos - before_fpr, after = 1. - (double)group->tp / pos - fpr;
        if (before > 0 && after <= 0) figures->rate = before_fpr + (fpr - before_fpr) * before / (before - after); /* one rank, one group */
    }
}

static void add_partial(struct figures *figures, const struct desy_groups *groups)
{
    const double pos = (double)figures->ranking->pos, neg = (double)figures->ranking->neg;
    for (size_t i = 0; i < groups->n; i++) {
        const struct desy_group *group = &groups->group[i];
        const int64_t fp = group->fp - group->neg, tp = group->tp - group->pos;
        if (fp > figures->most_partial) return;
        if (group->fp <= figures->most_partial) {
            figures->twice_partial += twice_ranked_right(group);
            continue;
        }
        const double width = DESY_MOST_FPR - (double)fp / neg, rise = (double)group->pos / pos * (width * neg / (double)group->neg); /* one rank, one group */
        figures->crossing = width * ((double)tp / pos + rise / 2.);
    }
}

static void find_points(struct figures *figures, const struct desy_groups *groups)
{
    for (int l = 0; l < DESY_FPR_LIMITS; l++)
        for (size_t i = 0; i < groups->n && groups->group[i].fp <= figures->most[l]; i++)
            if (groups->group[i].pos > 0) figures->at_fpr[l] = (struct desy_fpr_point){groups->group[i].tp, groups->group[i].fp, groups->group[i].score};
}

/* The last rank that found one has the most positives. */
static void join_points(desy_world *world, struct figures *figures, desy_ranking *ranking)
{
    for (int l = 0; l < DESY_FPR_LIMITS; l++) {
        const struct desy_fpr_point *mine = &figures->at_fpr[l];
        double most = (double)mine->tp;
        desy_max_f64(world, &most, 1);
        const bool is_mine = most > 0 && (double)mine->tp == most;
        double point[2] = {is_mine ? (double)mine->fp : -1., is_mine ? mine->threshold : -INFINITY};
        desy_max_f64(world, point, 2);
        ranking->at_fpr[l] = most > 0 ? (struct desy_fpr_point){(int64_t)most, (int64_t)point[0], point[1]} : (struct desy_fpr_point){0};
    }
}

static void join(desy_world *world, struct figures *figures, desy_ranking *ranking)
{
    const double pairs = (double)ranking->pos * (double)ranking->neg, chance = DESY_MOST_FPR * DESY_MOST_FPR / 2.;
    int64_t sums[] = {figures->twice, figures->twice_partial, figures->precision[0], figures->precision[1]};
    double found[] = {figures->rate, figures->crossing};
    desy_sum_i64(world, sums, 4);
    desy_max_f64(world, found, 2);
    ranking->auc = (double)sums[0] / (2. * pairs);
    ranking->average_precision[0] = (double)sums[2] / ONE;
    ranking->average_precision[1] = (double)sums[3] / ONE;
    ranking->equal_error_rate = found[0];
    ranking->partial_auc = (double)sums[1] / (2. * pairs) + found[1];
    ranking->partial_auc_standardised = .5 * (1. + (ranking->partial_auc - chance) / (DESY_MOST_FPR - chance));
    join_points(world, figures, ranking);
}

int desy_ranking_measure(desy_world *world, desy_ranking *ranking)
{
    const bool both = ranking->pos > 0 && ranking->neg > 0;
    struct figures figures = {.ranking = ranking, .rate = -1, .crossing = -1};
    struct desy_groups *groups = malloc(sizeof *groups);
    const int rc = desy_agree(world, groups ? DESY_OK : desy_error_memory("groups of equal scores"));
    if (rc != DESY_OK) {
        free(groups);
        return rc;
    }
    figures.most_partial = both ? most_within(DESY_MOST_FPR, ranking->neg) : 0;
    for (int l = 0; l < DESY_FPR_LIMITS; l++) figures.most[l] = both ? most_within(desy_fpr_limits[l], ranking->neg) : 0;
    for (desy_groups_open(groups, ranking, false); desy_groups_next(groups);) {
        figures.groups += (int64_t)groups->n;
        if (!both) continue;
        for (size_t i = 0; i < groups->n; i++) figures.twice += twice_ranked_right(&groups->group[i]);
        add_precision(&figures, groups);
        find_equal_error_rate(&figures, groups);
        add_partial(&figures, groups);
        find_points(&figures, groups);
    }
    free(groups);
    ranking->first_group = desy_prefix_i64(world, figures.groups);
    ranking->all_groups = figures.groups;
    desy_sum_i64(world, &ranking->all_groups, 1);
    if (both) join(world, &figures, ranking);
    return DESY_OK;
}
