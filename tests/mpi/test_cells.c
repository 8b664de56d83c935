/* Areas of a matrix of cells, against counts over all pairs. */
#include "base/random.h"
#include "eval/cells.h"
#include "tests/mpi/check.h"

#include <math.h>

#define ITEMS 600
enum { KEYS = 5 };

static struct desy_ranked all[ITEMS], mine[ITEMS];
static const uint32_t columns[2][KEYS + 1] = {{0, 1, 2, 2, 0, 2}, {1, 0, 2, 1, 2, 2}}; /* 2: none of its own */

/* Scores of few values, so that many are tied; uneven shares of the ranks. */
static size_t deal(void)
{
    size_t n = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        const uint64_t bits = desy_random_u64(5, 1, i);
        all[i] = (struct desy_ranked){(double)(bits % 40), (uint32_t)(bits >> 20) % (KEYS + 1), (uint32_t)(bits >> 40 & 1)};
        const int owner = desy_size(world) == 1 || i < ITEMS / 3 ? 0 : 1 + (int)(i % (size_t)(desy_size(world) - 1));
        if (owner == desy_rank(world)) mine[n++] = all[i];
    }
    return n;
}

static bool is_of(const struct desy_ranked *clip, size_t column) { return column == 2 || columns[clip->label][clip->source] == column; }

/* A clip's share of those of the other class that it is on the right side of. */
static double placement(const struct desy_ranked *clip, size_t other)
{
    double right = 0, n = 0;
    for (size_t j = 0; j < ITEMS; j++) {
        if (all[j].label == clip->label || !is_of(&all[j], other)) continue;
        const double apart = clip->label ? clip->score - all[j].score : all[j].score - clip->score;
        right += apart > 0 ? 1 : apart == 0 ? .5 : 0;
        n++;
    }
    return right / n;
}

/* DeLong: mean and variance of the mean of the placements of a column's clips. */
static void moments(uint32_t label, size_t own, size_t other, double *mean, double *variance)
{
    double n = 0, sum = 0, squares = 0;
    for (size_t i = 0; i < ITEMS; i++)
        if (all[i].label == label && is_of(&all[i], own)) sum += placement(&all[i], other), n++;
    *mean = sum / n;
    for (size_t i = 0; i < ITEMS; i++)
        if (all[i].label == label && is_of(&all[i], own)) squares += pow(placement(&all[i], other) - *mean, 2);
    *variance = squares / (n - 1) / n;
}

static void test_cells(size_t n)
{
    struct desy_cells cells;
    check(desy_cells_open(world, mine, n, &(struct desy_cells_options){KEYS, {columns[0], columns[1]}, {2, 2}}, &cells) == DESY_OK);
    for (size_t ai = 0; ai < 3; ai++)
        for (size_t real = 0; real < 3; real++) {
            struct desy_auc auc;
            double mean[2], variance[2];
            check(desy_cells_auc(&cells, ai, real, &auc));
            moments(1, ai, real, &mean[1], &variance[1]);
            moments(0, real, ai, &mean[0], &variance[0]);
            check(fabs(auc.auc - mean[1]) < 1e-12 && fabs(auc.auc - mean[0]) < 1e-12);
            check(strcmp(auc.method, "DeLong") == 0);
            check(fabs(auc.interval[1] - auc.auc - 1.959963984540054 * sqrt(variance[0] + variance[1])) < 1e-12);
        }
    for (uint32_t key = 0; key < KEYS; key++)
        for (uint32_t label = 0; label < 2; label++) {
            struct desy_auc auc;
            double sum = 0, own = 0;
            for (size_t i = 0; i < ITEMS; i++)
                if (all[i].label == label && all[i].source == key) sum += placement(&all[i], 2), own++;
            check(desy_cells_key_auc(&cells, key, (int)label, &auc) && fabs(auc.auc - sum / own) < 1e-12);
            check((label ? auc.pos : auc.neg) == (int64_t)own);
        }
    desy_cells_close(&cells);
}

/* No clip of a class: no area. */
static void test_empty(void)
{
    struct desy_cells cells;
    struct desy_auc auc;
    const struct desy_ranked real = {.5, 0, 0};
    check(desy_cells_open(world, &real, desy_rank(world) == 0, &(struct desy_cells_options){1, {NULL, NULL}, {1, 1}}, &cells) == DESY_OK);
    check(!desy_cells_auc(&cells, 0, 0, &auc) && !desy_cells_key_auc(&cells, 0, 0, &auc) && cells.n[0][0] == 1);
    desy_cells_close(&cells);
}

int main(void)
{
    if (desy_world_open(&world) != DESY_OK) return 1;
    test_cells(deal());
    test_empty();
    desy_world_close(&world);
    return 0;
}
