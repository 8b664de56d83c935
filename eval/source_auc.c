#include "eval/source_auc.h"

#include "base/error.h"
#include "eval/ranking.h"

#include <math.h>
#include <stdlib.h>

/* This rank's clips in descending order; counts over all ranks. */
struct sorted {
    struct desy_ranked *items;
    size_t n;
    int64_t pos, neg;
};

struct source_counts { int64_t pos, neg, tied, against_all[2], within; };

/* One group: twice the pairs ranked right, of each source against all and within itself. */
static void count_pairs(struct source_counts *sources, const struct sorted *sorted, const struct desy_group *group, const struct desy_ranked *items)
{
    const int64_t n = group->pos + group->neg;
    for (int64_t i = 0; i < n; i++) {
        struct source_counts *source = &sources[items[i].source];
        if (items[i].label) {
            source->against_all[1] += 2 * (sorted->neg - group->fp) + group->neg;
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
static int count_before(desy_world *world, const struct sorted *sorted, size_t n_sources, struct source_counts *sources)
{
    int64_t *mine = calloc(n_sources + 1, sizeof *mine), *all = NULL;
    size_t total = 0;
    int rc = desy_agree(world, mine ? DESY_OK : desy_error_memory("counts by source"));
    if (rc != DESY_OK) goto out;
    for (size_t i = 0; i < sorted->n; i++)
        if (sorted->items[i].label) mine[sorted->items[i].source]++;
    DESY_TRY(desy_gatherall(world, mine, n_sources, sizeof *mine, (void **)&all, &total));
    for (size_t i = 0; i < n_sources * (size_t)desy_rank(world); i++) sources[i % n_sources].pos += all[i];
out:
    free(mine);
    free(all);
    return rc;
}

/* Group by group down this rank's part. */
static void count_groups(struct source_counts *sources, const struct sorted *sorted, int64_t tp, int64_t fp)
{
    for (size_t first = 0, next; first < sorted->n; first = next) {
        struct desy_group group = {.score = sorted->items[first].score};
        for (next = first; next < sorted->n && sorted->items[next].score == group.score; next++)
            if (sorted->items[next].label) group.pos++;
            else group.neg++;
        group.tp = tp += group.pos;
        group.fp = fp += group.neg;
        count_pairs(sources, sorted, &group, sorted->items + first);
    }
}

int desy_source_auc(desy_world *world, const struct desy_ranked *mine, size_t n, size_t n_sources, double *auc)
{
    struct sorted sorted = {0};
    struct source_counts *sources = calloc(n_sources + 1, sizeof *sources);
    int64_t *sums = calloc(5 * n_sources + 1, sizeof *sums), totals[2] = {0};
    int rc = DESY_OK;
    DESY_TRY(desy_agree(world, sources && sums ? DESY_OK : desy_error_memory("counts by source")));
    DESY_TRY(desy_sort_scores(world, mine, n, &sorted.items, &sorted.n));
    for (size_t i = 0; i < sorted.n; i++) totals[sorted.items[i].label]++;
    const int64_t before[2] = {desy_prefix_i64(world, totals[0]), desy_prefix_i64(world, totals[1])};
    desy_sum_i64(world, totals, 2);
    sorted.neg = totals[0];
    sorted.pos = totals[1];
    DESY_TRY(count_before(world, &sorted, n_sources, sources));
    for (size_t s = 0; s < n_sources; s++) sums[5 * s] = -sources[s].pos; /* those counted on other ranks */
    count_groups(sources, &sorted, before[1], before[0]);
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
        else if (pos > 0) auc[s] = (double)sums[5 * s + 3] / (2. * pos * (double)sorted.neg);
        else if (neg > 0) auc[s] = (double)sums[5 * s + 2] / (2. * neg * (double)sorted.pos);
        else auc[s] = NAN;
    }
out:
    free(sorted.items);
    free(sources);
    free(sums);
    return rc;
}
