/* Units, matches and resamples over the ranks: the same, to the bit, as one process has them from all rows; and of a resample what a count over all pairs gives. */
#include "base/random.h"
#include "eval/match.h"
#include "eval/scheme.h"
#include "tests/mpi/check.h"

#include <math.h>

#define ROWS 700
#define RESAMPLES 200

/* Row i: with ties, failures, clips without a source or a group, groups over sources and labels. */
static void add_row(struct desy_scores *scores, size_t i, bool other)
{
    const uint64_t bits = desy_random_u64(3, 1, i);
    char id[32], source[32], group[32];
    const int label = (int)(bits & 1);
    snprintf(id, sizeof id, "clip %zu", i);
    snprintf(source, sizeof source, "%s %d", label ? "ai" : "real", (int)(bits >> 1 & 3));
    snprintf(group, sizeof group, "%d", (int)(bits >> 8 & 63));
    struct desy_score_row row = {.id = id, .source = i % 13 ? source : "", .group = i % 3 ? group : "", .label = label};
    row.score = i % 31 == 0 ? NAN : floor(40 * (desy_random_uniform(3, other ? 3 : 2, i) + .3 * label)) / 40;
    check(desy_scores_append(scores, &row) == DESY_OK);
}

/* Rank 0 holds a third, the others the rest in turn; of the second table other ranks hold other rows, in another order. */
static void deal(struct desy_scores *mine, struct desy_scores *rival)
{
    const size_t size = (size_t)desy_size(world), rank = (size_t)desy_rank(world);
    for (size_t i = 0; i < ROWS; i++)
        if ((size == 1 || i < ROWS / 3 ? 0 : 1 + i % (size - 1)) == rank) add_row(mine, i, false);
    for (size_t i = ROWS; i-- > 0;)
        if (i % size == rank) add_row(rival, i, true);
}

static double pairs(const struct desy_scores *rows, const uint32_t *unit, const uint8_t *weights, size_t lane)
{
    double right = 0, count = 0;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < ROWS; j++) {
            if (!rows->label[i] || rows->label[j] || isnan(rows->score[i]) || isnan(rows->score[j])) continue;
            const double weight = weights[unit[i] * DESY_LANES + lane] * weights[unit[j] * DESY_LANES + lane];
            right += weight * (rows->score[i] > rows->score[j] ? 1 : rows->score[i] == rows->score[j] ? .5 : 0);
            count += weight;
        }
    return right / count;
}

static void test_kind(enum desy_unit kind, const struct desy_scores *mine, const double *other, const struct desy_scores *all, const double *all_other)
{
    struct desy_scheme shared, whole;
    desy_world *alone = NULL;
    check(desy_world_open_alone(&alone) == DESY_OK);
    check(desy_scheme_open(world, mine, .7, &(struct desy_scored_twice){other, .6}, kind, 9, RESAMPLES, &shared) == DESY_OK);
    check(desy_scheme_open(alone, all, .7, &(struct desy_scored_twice){all_other, .6}, kind, 9, RESAMPLES, &whole) == DESY_OK);
    check(shared.units.n == whole.units.n && shared.units.n_strata == whole.units.n_strata && shared.units.n_real == whole.units.n_real);
    check(memcmp(shared.counts, whole.counts, 2 * RESAMPLES * sizeof *whole.counts) == 0);
    for (int o = 0; o < 2; o++) check(memcmp(shared.placements[o].units, whole.placements[o].units, whole.units.n * sizeof *whole.placements[o].units) == 0);

    uint8_t *weights = malloc(whole.units.n * DESY_LANES), *times = malloc(whole.units.n_strata * DESY_LANES);
    check(weights && times);
    desy_resample(&whole.units, 9, 1, weights, times);
    for (size_t lane = 0; lane < DESY_LANES; lane += 21)
        check(fabs(pairs(all, whole.units.of, weights, lane) - desy_resampled_auc(&whole.counts[DESY_LANES + lane])) < 1e-12);
    free(weights);
    free(times);
    desy_scheme_close(&shared);
    desy_scheme_close(&whole);
    desy_world_close(&alone);
}

int main(void)
{
    struct desy_scores mine = {0}, rival = {0}, all = {0}, all_rival = {0};
    double other[ROWS], all_other[ROWS];
    check(desy_world_open(&world) == DESY_OK);
    deal(&mine, &rival);
    check(desy_match(world, &mine, "a", &rival, "b", other) == DESY_OK);
    for (size_t i = 0; i < ROWS; i++) {
        add_row(&all, i, false);
        add_row(&all_rival, i, true);
        all_other[i] = all_rival.score[i];
    }
    for (size_t i = 0; i < mine.n; i++) {
        const double wanted = all_other[atoi(desy_scores_row(&mine, i).id + 5)];
        check(other[i] == wanted || (isnan(other[i]) && isnan(wanted)));
    }
    for (int kind = DESY_UNIT_CLIPS; kind <= DESY_UNIT_SOURCES; kind++) test_kind((enum desy_unit)kind, &mine, other, &all, all_other);
    desy_scores_close(&mine);
    desy_scores_close(&rival);
    desy_scores_close(&all);
    desy_scores_close(&all_rival);
    desy_world_close(&world);
    return 0;
}
