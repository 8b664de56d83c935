/* The distributed sort and what is counted from it, against a count over all pairs. */
#include "base/random.h"
#include "eval/ranking.h"
#include "eval/source_auc.h"
#include "tests/mpi/check.h"

#include <math.h>

#define ITEMS 2000

static struct desy_ranked all[ITEMS], mine[ITEMS];

/* `values` distinct scores; rank 0 holds a third of the items, the others every (size - 1)th of the rest: shares of all sizes. */
static size_t deal(int values)
{
    size_t n = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        const uint64_t bits = desy_random_u64(5, (uint64_t)values, i);
        all[i] = (struct desy_ranked){(double)(bits % (uint64_t)values) / values - (double)(bits >> 62), (uint32_t)(bits >> 20 & 3), (uint32_t)(bits >> 40 & 1)};
        const int owner = desy_size(world) == 1 || i < ITEMS / 3 ? 0 : 1 + (int)(i % (size_t)(desy_size(world) - 1));
        if (owner == desy_rank(world)) mine[n++] = all[i];
    }
    return n;
}

/* Descending on each rank, nothing on a rank reaches a score of the rank above, nothing lost or made up, shares about equal. */
static void test_sort(int values)
{
    struct desy_ranked *sorted = NULL;
    double *ends = NULL;
    size_t count = 0, total = 0;
    const size_t n = deal(values);
    check(desy_sort_scores(world, mine, n, &sorted, &count) == DESY_OK);
    for (size_t i = 1; i < count; i++) check(sorted[i - 1].score >= sorted[i].score);
    const double here[2] = {count ? sorted[0].score : 0, count ? sorted[count - 1].score : 0};
    check(desy_gatherall(world, here, count ? 2 : 0, sizeof *here, (void **)&ends, &total) == DESY_OK);
    for (size_t i = 2; i < total; i += 2) check(ends[i] < ends[i - 1]);

    int64_t found[2] = {0, (int64_t)count};
    for (size_t i = 0; i < count; i++) /* sums that a lost, doubled or mixed-up item would change */
        found[0] += llrint(sorted[i].score * values) * 7 + (int64_t)(sorted[i].source * 1000003 + sorted[i].label * 10007);
    int64_t wanted = 0;
    for (size_t i = 0; i < ITEMS; i++) wanted += llrint(all[i].score * values) * 7 + (int64_t)(all[i].source * 1000003 + all[i].label * 10007);
    desy_sum_i64(world, found, 2);
    check(found[0] == wanted && found[1] == ITEMS);
    if (values > ITEMS) check(count < 2 * (size_t)(ITEMS / desy_size(world)));
    free(sorted);
    free(ends);
}

static double pairs(int source_of_pos, int source_of_neg)
{
    double right = 0, count = 0;
    for (size_t i = 0; i < ITEMS; i++)
        for (size_t j = 0; j < ITEMS; j++) {
            if (!all[i].label || all[j].label || (source_of_pos >= 0 && all[i].source != (uint32_t)source_of_pos)
                || (source_of_neg >= 0 && all[j].source != (uint32_t)source_of_neg))
                continue;
            right += all[i].score > all[j].score ? 1 : all[i].score == all[j].score ? .5 : 0;
            count++;
        }
    return right / count;
}

static void test_counts(int values)
{
    desy_ranking ranking = {0};
    double auc[5], scores[ITEMS];
    uint8_t labels[ITEMS];
    size_t n = deal(values);
    for (size_t i = 0; i < ITEMS; i++) /* sources 0 and 1 hold both classes, 2 reals alone, 3 AI alone */
        if (all[i].source >= 2) all[i].source = all[i].label ? 3 : 2;
    for (size_t i = 0; i < n; i++) {
        if (mine[i].source >= 2) mine[i].source = mine[i].label ? 3 : 2;
        scores[i] = mine[i].score;
        labels[i] = (uint8_t)mine[i].label;
    }
    check(desy_ranking_open(world, scores, labels, n, &ranking) == DESY_OK);
    check(ranking.pos + ranking.neg == ITEMS);
    check(fabs(ranking.auc - pairs(-1, -1)) < 1e-12);
    check((ranking.n_keys[0] + ranking.n_keys[1]) < 2 * (size_t)(ITEMS / desy_size(world))); /* however many share a score */
    desy_ranking_close(&ranking);
    check(desy_source_auc(world, mine, n, 5, auc) == DESY_OK);
    check(fabs(auc[0] - pairs(0, 0)) < 1e-12 && fabs(auc[1] - pairs(1, 1)) < 1e-12);
    check(fabs(auc[2] - pairs(-1, 2)) < 1e-12 && fabs(auc[3] - pairs(3, -1)) < 1e-12);
    check(isnan(auc[4]));
}

/* Groups forwards are those backwards, add up, and hold every clip at its score: zeros of either sign are one. */
static void test_groups(void)
{
    static const float scores[] = {-0.F, 0.F, -1.F, 1e-40F, 3.F, -1e30F, 0.F, NAN, 3.F, -0.F};
    static const uint8_t labels[] = {1, 0, 1, 0, 1, 0, 1, 1, 0, 0};
    static const struct desy_group wanted[] = {{3, 1, 1, 1, 1}, {1e-40F, 0, 1, 1, 2}, {0, 2, 2, 3, 4}, {-1, 1, 0, 4, 4}, {-1e30F, 0, 1, 4, 5}};
    desy_ranking ranking = {0};
    struct desy_groups groups;
    struct desy_group *gathered = NULL;
    float some[10];
    uint8_t of_some[10];
    size_t n = 0, total = 0;
    for (size_t i = 0; i < 10; i++)
        if ((int)(i % (size_t)desy_size(world)) == desy_rank(world)) some[n] = scores[i], of_some[n++] = labels[i];
    check(desy_ranking_open_floats(world, some, of_some, n, &ranking) == DESY_OK);
    for (int backwards = 0; backwards < 2; backwards++) {
        struct desy_group found[10];
        n = 0;
        for (desy_groups_open(&groups, &ranking, backwards); desy_groups_next(&groups); n += groups.n) memcpy(found + n, groups.group, groups.n * sizeof *found);
        for (size_t i = 0; backwards && i < n / 2; i++) {
            const struct desy_group swapped = found[i];
            found[i] = found[n - 1 - i];
            found[n - 1 - i] = swapped;
        }
        check(desy_gatherall(world, found, n, sizeof *found, (void **)&gathered, &total) == DESY_OK);
        check(total == 5 && ranking.all_groups == 5);
        for (size_t i = 0; i < 5; i++)
            check(gathered[i].score == wanted[i].score && gathered[i].pos == wanted[i].pos && gathered[i].neg == wanted[i].neg && gathered[i].tp == wanted[i].tp && gathered[i].fp == wanted[i].fp);
        free(gathered);
    }
    desy_ranking_close(&ranking);
}

static void test_nothing(void)
{
    struct desy_ranked *sorted = NULL;
    size_t count = 1;
    check(desy_sort_scores(world, NULL, 0, &sorted, &count) == DESY_OK);
    check(count == 0);
    free(sorted);
}

int main(void)
{
    check(desy_world_open(&world) == DESY_OK);
    const int values[] = {1, 3, 50, 1000000};
    for (int i = 0; i < 4; i++) {
        test_sort(values[i]);
        test_counts(values[i]);
    }
    test_groups();
    test_nothing();
    desy_world_close(&world);
    return 0;
}
