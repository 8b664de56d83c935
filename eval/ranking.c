#include "eval/ranking.h"

#include "base/error.h"
#include "mpi/fixed_sum.h"

#include <math.h>
#include <stdlib.h>


int desy_ranking_open(desy_world *world, const struct desy_ranked *mine, size_t n, desy_ranking *ranking)
{
    *ranking = (desy_ranking){0};
    int rc = desy_sort_scores(world, mine, n, &ranking->items, &ranking->n_items);
    if (rc != DESY_OK) return rc;
    ranking->groups = malloc((ranking->n_items + 1) * sizeof *ranking->groups);
    rc = desy_agree(world, ranking->groups ? DESY_OK : desy_error_memory("groups of equal scores"));
    if (rc != DESY_OK) {
        desy_ranking_close(ranking);
        return rc;
    }

    struct desy_group *group = NULL;
    int64_t totals[3] = {0}; /* positives, negatives, groups */
    for (size_t i = 0; i < ranking->n_items; i++) {
        const struct desy_ranked *item = &ranking->items[i];
        if (!group || group->score != item->score) {
            group = &ranking->groups[ranking->n_groups++];
            *group = (struct desy_group){.score = item->score};
        }
        if (item->label) group->pos++;
        else group->neg++;
        totals[item->label ? 0 : 1]++;
    }
    totals[2] = (int64_t)ranking->n_groups;
    int64_t tp = desy_prefix_i64(world, totals[0]), fp = desy_prefix_i64(world, totals[1]);
    ranking->first_group = desy_prefix_i64(world, totals[2]);
    for (size_t i = 0; i < ranking->n_groups; i++) {
        ranking->groups[i].tp = tp += ranking->groups[i].pos;
        ranking->groups[i].fp = fp += ranking->groups[i].neg;
    }
    desy_sum_i64(world, totals, 3);
    ranking->pos = totals[0];
    ranking->neg = totals[1];
    ranking->all_groups = totals[2];
    return DESY_OK;
}

void desy_ranking_close(desy_ranking *ranking)
{
    free(ranking->items);
    free(ranking->groups);
    *ranking = (desy_ranking){0};
}

double desy_ranking_auc(desy_world *world, const desy_ranking *ranking)
{
    int64_t twice = 0; /* twice the pairs ranked right */
    for (size_t i = 0; i < ranking->n_groups; i++) {
        const struct desy_group *group = &ranking->groups[i];
        twice += group->neg * (2 * (group->tp - group->pos) + group->pos);
    }
    desy_sum_i64(world, &twice, 1);
    return (double)twice / (2. * (double)ranking->pos * (double)ranking->neg);
}

int desy_ranking_average_precision(desy_world *world, const desy_ranking *ranking, double precision[2])
{
    double *terms = malloc((2 * ranking->n_groups + 1) * sizeof *terms);
    int rc = desy_agree(world, terms ? DESY_OK : desy_error_memory("average precision"));
    const double pos = (double)ranking->pos, neg = (double)ranking->neg;
    for (size_t i = 0; rc == DESY_OK && i < ranking->n_groups; i++) {
        const struct desy_group *group = &ranking->groups[i];
        const double tn = (double)(ranking->neg - group->fp + group->neg), fn = (double)(ranking->pos - group->tp + group->pos);
        terms[2 * i] = (double)group->pos / pos * ((double)group->tp / (double)(group->tp + group->fp));
        terms[2 * i + 1] = (double)group->neg / neg * (tn / (tn + fn));
    }
    if (rc == DESY_OK) rc = desy_fixed_sum(world, terms, ranking->n_groups, 2, (uint64_t)ranking->all_groups, precision);
    free(terms);
    return rc;
}

double desy_ranking_equal_error_rate(desy_world *world, const desy_ranking *ranking)
{
    double rate = -1;
    const double pos = (double)ranking->pos, neg = (double)ranking->neg;
    for (size_t i = 0; i < ranking->n_groups; i++) {
        const struct desy_group *group = &ranking->groups[i];
        const double before_fpr = (double)(group->fp - group->neg) / neg, fpr = (double)group->fp / neg;
        const double before = 1. - (double)(group->tp - group->pos) / pos - before_fpr, after = 1. - (double)group->tp / pos - fpr;
        if (before > 0 && after <= 0) rate = before_fpr + (fpr - before_fpr) * before / (before - after); /* one rank, one group */
    }
    desy_max_f64(world, &rate, 1);
    return rate;
}

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

int desy_ranking_auc_interval(desy_world *world, const desy_ranking *ranking, double auc, double interval[2], const char **method)
{
    const double pos = (double)ranking->pos, neg = (double)ranking->neg;
    double sums[2] = {0};
    double *terms = malloc((2 * ranking->n_groups + 1) * sizeof *terms);
    int rc = desy_agree(world, terms ? DESY_OK : desy_error_memory("the interval of the AUC"));
    if (rc != DESY_OK) goto out;
    for (size_t i = 0; i < ranking->n_groups; i++) { /* placements: the share of the other class on the right side */
        const struct desy_group *group = &ranking->groups[i];
        const double of_pos = (2. * (neg - (double)group->fp) + (double)group->neg) / (2. * neg) - auc;
        const double of_neg = (2. * (double)(group->tp - group->pos) + (double)group->pos) / (2. * pos) - auc;
        terms[2 * i] = (double)group->pos * of_pos * of_pos;
        terms[2 * i + 1] = (double)group->neg * of_neg * of_neg;
    }
    DESY_TRY(desy_fixed_sum(world, terms, ranking->n_groups, 2, (uint64_t)ranking->all_groups, sums));
    const double variance = pos > 1 && neg > 1 ? sums[0] / (pos - 1.) / pos + sums[1] / (neg - 1.) / neg : 0.;
    if (variance > 0) {
        *method = "DeLong";
        interval[0] = fmax(0., auc - QUANTILE * sqrt(variance));
        interval[1] = fmin(1., auc + QUANTILE * sqrt(variance));
    } else {
        *method = "Newcombe";
        interval[0] = newcombe_bound(auc, 0., pos, neg);
        interval[1] = newcombe_bound(auc, 1., pos, neg);
    }
out:
    free(terms);
    return rc;
}

struct source_counts { int64_t pos, neg, tied, against_all[2], within; };

/* One group: twice the pairs ranked right, of each source against all and within itself. */
static void count_pairs(struct source_counts *sources, const desy_ranking *ranking, const struct desy_group *group, const struct desy_ranked *items)
{
    const int64_t n = group->pos + group->neg;
    for (int64_t i = 0; i < n; i++) {
        struct source_counts *source = &sources[items[i].source];
        if (items[i].label) {
            source->against_all[1] += 2 * (ranking->neg - group->fp) + group->neg;
            source->tied++;
        } else {
            source->against_all[0] += 2 * (group->tp - group->pos) + group->pos;
            source->within += 2 * source->pos;
        }
    }
    for (int64_t i = 0; i < n; i++)
        if (!items[i].label) sources[items[i].source].within += sources[items[i].source].tied;
    for (int64_t i = 0; i < n; i++) {
        struct source_counts *source = &sources[items[i].source];
        source->pos += source->tied;
        source->tied = 0;
        if (!items[i].label) source->neg++;
    }
}

/* *before: positives of each source on the ranks above (with higher scores). */
static int count_before(desy_world *world, const desy_ranking *ranking, size_t n_sources, struct source_counts *sources)
{
    int64_t *mine = calloc(n_sources + 1, sizeof *mine), *all = NULL;
    size_t total = 0;
    int rc = desy_agree(world, mine ? DESY_OK : desy_error_memory("counts by source"));
    if (rc != DESY_OK) goto out;
    for (size_t i = 0; i < ranking->n_items; i++)
        if (ranking->items[i].label) mine[ranking->items[i].source]++;
    DESY_TRY(desy_gatherall(world, mine, n_sources, sizeof *mine, (void **)&all, &total));
    for (size_t i = 0; i < n_sources * (size_t)desy_rank(world); i++) sources[i % n_sources].pos += all[i];
out:
    free(mine);
    free(all);
    return rc;
}

int desy_ranking_source_auc(desy_world *world, const desy_ranking *ranking, size_t n_sources, double *auc)
{
    struct source_counts *sources = calloc(n_sources + 1, sizeof *sources);
    int64_t *sums = calloc(5 * n_sources + 1, sizeof *sums);
    int rc = desy_agree(world, sources && sums ? DESY_OK : desy_error_memory("counts by source"));
    if (rc != DESY_OK) goto out;
    DESY_TRY(count_before(world, ranking, n_sources, sources));
    for (size_t s = 0; s < n_sources; s++) sums[5 * s] = -sources[s].pos; /* those counted on other ranks */

    const struct desy_ranked *items = ranking->items;
    for (size_t i = 0; i < ranking->n_groups; i++) {
        count_pairs(sources, ranking, &ranking->groups[i], items);
        items += ranking->groups[i].pos + ranking->groups[i].neg;
    }
    for (size_t s = 0; s < n_sources; s++) {
        sums[5 * s] += sources[s].pos;
        sums[5 * s + 1] = sources[s].neg;
        sums[5 * s + 2] = sources[s].against_all[0];
        sums[5 * s + 3] = sources[s].against_all[1];
        sums[5 * s + 4] = sources[s].within;
    }
    desy_sum_i64(world, sums, 5 * n_sources);
    for (size_t s = 0; s < n_sources; s++) {
        const double pos = (double)sums[5 * s], neg = (double)sums[5 * s + 1];
        if (pos > 0 && neg > 0) auc[s] = (double)sums[5 * s + 4] / (2. * pos * neg);
        else if (pos > 0) auc[s] = (double)sums[5 * s + 3] / (2. * pos * (double)ranking->neg);
        else if (neg > 0) auc[s] = (double)sums[5 * s + 2] / (2. * neg * (double)ranking->pos);
        else auc[s] = NAN;
    }
out:
    free(sources);
    free(sums);
    return rc;
}
