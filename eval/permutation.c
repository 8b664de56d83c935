#include "eval/permutation.h"

#include "base/error.h"
#include "base/random.h"
#include "eval/cells.h"
#include "eval/interval.h"
#include "mpi/fixed_sum.h"

#include <math.h>
#include <stdlib.h>

static int by_score(const void *left, const void *right)
{
    const struct desy_ranked *a = left, *b = right;
    return (a->score > b->score) - (a->score < b->score);
}

/* The clips in ascending order, of which only ties matter: ranks (n), twice the number of clips below, and those tied halfway. */
static void take_ranks(struct desy_ranked *clips, size_t n, int64_t *twice_below)
{
    qsort(clips, n, sizeof *clips, by_score);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && clips[to].score == clips[from].score; to++) {}
        for (size_t i = from; i < to; i++) twice_below[i] = (int64_t)(2 * from + (to - from) - 1);
    }
}

/* Twice the pairs ranked right of pos clips drawn without replacement: one after the other is taken with the probability that is left for it. */
static int64_t draw(const int64_t *twice_below, int64_t n, int64_t pos, uint64_t seed, uint64_t stream)
{
    int64_t sum = 0, left = pos;
    for (int64_t i = 0; i < n && left > 0; i++)
        if (desy_random_uniform(seed, stream, (uint64_t)i) * (double)(n - i) < (double)left) {
            sum += twice_below[i];
            left--;
        }
    return sum - pos * (pos - 1); /* less the pairs among themselves */
}

static int ascending(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* rights: twice the pairs that each permutation ranks right. */
static void summarise(int64_t *rights, int64_t observed, int64_t pos, int64_t neg, struct desy_permutation *test)
{
    const double pairs = 2. * (double)pos * (double)neg;
    double areas[DESY_PERMUTATIONS], sum = 0;
    int reached = 0;
    qsort(rights, DESY_PERMUTATIONS, sizeof *rights, ascending);
    for (int k = 0; k < DESY_PERMUTATIONS; k++) {
        areas[k] = (double)rights[k] / pairs;
        sum += areas[k];
        reached += rights[k] >= observed;
    }
    test->mean = sum / DESY_PERMUTATIONS;
    test->p = (1. + reached) / (1. + DESY_PERMUTATIONS);
    test->permutations = DESY_PERMUTATIONS;
    desy_percentiles(areas, DESY_PERMUTATIONS, test->band);
}

static int permute(desy_world *world, const struct desy_ranked *mine, size_t n, int64_t pos, int64_t neg, int64_t observed, uint64_t seed, uint64_t stream, struct desy_permutation *test)
{
    struct desy_ranked *all = NULL;
    int64_t *twice_below = NULL, rights[DESY_PERMUTATIONS] = {0};
    size_t total = 0;
    int rc = DESY_OK;
    DESY_TRY(desy_gatherall(world, mine, n, sizeof *mine, (void **)&all, &total));
    twice_below = malloc((total + 1) * sizeof *twice_below);
    DESY_TRY(desy_agree(world, twice_below ? DESY_OK : desy_error_memory("permutations of labels")));
    take_ranks(all, total, twice_below);
    for (int k = desy_rank(world); k < DESY_PERMUTATIONS; k += desy_size(world)) rights[k] = draw(twice_below, (int64_t)total, pos, seed, stream + (uint64_t)k);
    desy_sum_i64(world, rights, DESY_PERMUTATIONS);
    summarise(rights, observed, pos, neg, test);
out:
    free(all);
    free(twice_below);
    return rc;
}

/* Sum over scores of t^3 - t, t clips having one, as a share of n^3. */
static int tied_share(desy_world *world, const struct desy_ranked *mine, size_t n, double all, double *share)
{
    struct desy_ranked *sorted = NULL;
    size_t count = 0, groups = 0;
    double *terms = NULL;
    int rc = DESY_OK;
    DESY_TRY(desy_sort_scores(world, mine, n, &sorted, &count));
    terms = malloc((count + 1) * sizeof *terms);
    DESY_TRY(desy_agree(world, terms ? DESY_OK : desy_error_memory("tied scores")));
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from; to < count && sorted[to].score == sorted[from].score; to++) {}
        const double t = (double)(to - from);
        if (t > 1) terms[groups++] = (t / all) * (t / all) * (t / all) - t / all / all / all;
    }
    rc = desy_fixed_sum(world, terms, groups, 1, (uint64_t)all, share);
out:
    free(sorted);
    free(terms);
    return rc;
}

static int approximate(desy_world *world, const struct desy_ranked *mine, size_t n, int64_t pos, int64_t neg, struct desy_permutation *test)
{
    const double all = (double)(pos + neg);
    double tied = 0;
    const int rc = tied_share(world, mine, n, all, &tied);
    const double deviation = sqrt(fmax(0, all + 1 - tied * all * all / (all - 1)) / (12. * (double)pos * (double)neg));
    test->mean = .5;
    test->band[0] = fmax(0, .5 - DESY_NORMAL_QUANTILE * deviation);
    test->band[1] = fmin(1, .5 + DESY_NORMAL_QUANTILE * deviation);
    test->p = deviation > 0 ? desy_normal_cdf((.5 - test->auc) / deviation) : 1;
    test->permutations = 0;
    return rc;
}

int desy_permutation_test(desy_world *world, const struct desy_ranked *mine, size_t n, uint64_t seed, uint64_t stream, struct desy_permutation *test)
{
    struct desy_cells cells = {0};
    struct desy_ranked *clips = malloc((n + 1) * sizeof *clips);
    int rc = desy_agree(world, clips ? DESY_OK : desy_error_memory("permutations of labels"));
    DESY_TRY(rc);
    for (size_t i = 0; i < n; i++) clips[i] = (struct desy_ranked){mine[i].score, 0, mine[i].label};
    DESY_TRY(desy_cells_open(world, clips, n, &(struct desy_cells_options){0}, &cells));
    const int64_t pos = cells.n[1][0], neg = cells.n[0][0], observed = cells.cells[0].twice;
    *test = (struct desy_permutation){.auc = (double)observed / (2. * (double)pos * (double)neg)};
    rc = pos + neg <= DESY_PERMUTED_MOST ? permute(world, clips, n, pos, neg, observed, seed, stream, test) : approximate(world, clips, n, pos, neg, test);
out:
    desy_cells_close(&cells);
    free(clips);
    return rc;
}
