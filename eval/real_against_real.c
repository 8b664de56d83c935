#include "eval/real_against_real.h"

#include "base/error.h"
#include "base/random.h"
#include "eval/interval.h"
#include "eval/permutation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE = 0x52765200, PERMUTE = 0x52765300 }; /* streams of random numbers */

/* Ascending scores; .source is the place in result->sources. */
struct order {
    struct desy_ranked *clips;
    size_t n, sources;
    int64_t of[DESY_RVR_SOURCES];
};

static int by_score(const void *left, const void *right)
{
    const struct desy_ranked *a = left, *b = right;
    if (a->score != b->score) return a->score < b->score ? -1 : 1;
    return (a->source > b->source) - (a->source < b->source); /* so that any number of ranks has one order */
}

/* Of each pair (a, b) twice the pairs of clips in which a's has the higher score. places (n): which source each clip is said to be of. */
static void count_pairs(const struct order *order, const uint8_t *places, int64_t twice[DESY_RVR_SOURCES][DESY_RVR_SOURCES])
{
    int64_t below[DESY_RVR_SOURCES] = {0};
    memset(twice, 0, sizeof(int64_t) * DESY_RVR_SOURCES * DESY_RVR_SOURCES);
    for (size_t from = 0, to; from < order->n; from = to) {
        int64_t tied[DESY_RVR_SOURCES] = {0};
        for (to = from; to < order->n && order->clips[to].score == order->clips[from].score; to++) tied[places[to]]++;
        for (size_t i = from; i < to; i++)
            for (size_t b = 0; b < order->sources; b++) twice[places[i]][b] += 2 * below[b] + tied[b];
        for (size_t b = 0; b < order->sources; b++) below[b] += tied[b];
    }
}

/* The mean over pairs; highest[3]: the largest of them and its places, NULL: not asked for. */
static double folded_mean(const struct order *order, const uint8_t *places, double *highest)
{
    int64_t twice[DESY_RVR_SOURCES][DESY_RVR_SOURCES];
    double sum = 0;
    count_pairs(order, places, twice);
    for (size_t a = 0; a < order->sources; a++)
        for (size_t b = a + 1; b < order->sources; b++) {
            const int64_t right = twice[a][b], wrong = twice[b][a];
            const double area = (double)(right > wrong ? right : wrong) / (2. * (double)order->of[a] * (double)order->of[b]);
            sum += area;
            if (highest && area > highest[0]) highest[0] = area, highest[1] = (double)a, highest[2] = (double)b;
        }
    return sum / ((double)order->sources * (double)(order->sources - 1) / 2.);
}

/* The real clips of the chosen sources, a sample of those that have very many; the same on every rank. */
static int gather_clips(desy_world *world, const struct desy_evaluated *evaluated, const int64_t *counts, uint64_t seed, struct desy_real_against_real *result, struct order *order)
{
    struct desy_ranked *mine = malloc((evaluated->n + 1) * sizeof *mine);
    size_t n = 0;
    int rc = desy_agree(world, mine ? DESY_OK : desy_error_memory("real clips"));
    DESY_TRY(rc);
    for (size_t i = 0; i < evaluated->n; i++) {
        const struct desy_ranked *clip = &evaluated->clips[i];
        size_t place = 0;
        while (place < result->n_sources && (clip->label || result->sources[place] != clip->source)) place++;
        if (place == result->n_sources) continue;
        const double share = DESY_RVR_CLIPS / (double)counts[2 * clip->source];
        if (share < 1 && desy_random_uniform(seed, SAMPLE, evaluated->first_row + evaluated->rows[i]) >= share) continue;
        mine[n++] = (struct desy_ranked){clip->score, (uint32_t)place, 0};
    }
    DESY_TRY(desy_gatherall(world, mine, n, sizeof *mine, (void **)&order->clips, &order->n));
    qsort(order->clips, order->n, sizeof *order->clips, by_score);
    order->sources = result->n_sources;
    for (size_t i = 0; i < order->n; i++) order->of[order->clips[i].source]++;
    result->clips = (int64_t)order->n;
    for (size_t s = 0; s < result->n_sources; s++) result->sampled |= counts[2 * result->sources[s]] > DESY_RVR_CLIPS;
out:
    free(mine);
    return rc;
}

/* means: of each permutation, the same on every rank. */
static int permute(desy_world *world, const struct order *order, const uint8_t *places, uint64_t seed, double *means)
{
    uint32_t *drawn = malloc((order->n + 1) * sizeof *drawn);
    uint8_t *dealt = malloc(order->n + 1);
    int64_t bits[DESY_PERMUTATIONS] = {0};
    int rc = desy_agree(world, drawn && dealt ? DESY_OK : desy_error_memory("permutations of sources"));
    DESY_TRY(rc);
    for (int k = desy_rank(world); k < DESY_PERMUTATIONS; k += desy_size(world)) {
        desy_random_permutation(seed, PERMUTE + (uint64_t)k, order->n, drawn);
        for (size_t i = 0; i < order->n; i++) dealt[i] = places[drawn[i]];
        const double mean = folded_mean(order, dealt, NULL);
        memcpy(&bits[k], &mean, sizeof mean); /* one rank has it, the others 0 */
    }
    desy_sum_i64(world, bits, DESY_PERMUTATIONS);
    memcpy(means, bits, sizeof bits);
out:
    free(drawn);
    free(dealt);
    return rc;
}

static void summarise(double *means, struct desy_real_against_real *result)
{
    double sum = 0;
    int reached = 0;
    for (int k = 0; k < DESY_PERMUTATIONS; k++) {
        sum += means[k];
        reached += means[k] >= result->mean;
    }
    result->null_mean = sum / DESY_PERMUTATIONS;
    result->p = (1. + reached) / (1. + DESY_PERMUTATIONS);
    desy_percentiles(means, DESY_PERMUTATIONS, result->band);
}

int desy_real_against_real(desy_world *world, const struct desy_evaluated *evaluated, const int64_t *counts, uint64_t seed, struct desy_real_against_real *result)
{
    struct order order = {0};
    double means[DESY_PERMUTATIONS], highest[3] = {0};
    uint8_t *places = NULL;
    int rc = DESY_OK;
    *result = (struct desy_real_against_real){0};
    result->n_sources = desy_evaluated_largest(evaluated, counts, 0, DESY_RVR_LEAST, DESY_RVR_SOURCES, result->sources);
    if (result->n_sources < 2) return DESY_OK;
    DESY_TRY(gather_clips(world, evaluated, counts, seed, result, &order));
    places = malloc(order.n + 1);
    DESY_TRY(desy_agree(world, places ? DESY_OK : desy_error_memory("real clips")));
    for (size_t i = 0; i < order.n; i++) places[i] = (uint8_t)order.clips[i].source;
    result->pairs = result->n_sources * (result->n_sources - 1) / 2;
    result->mean = folded_mean(&order, places, highest);
    result->highest = highest[0];
    for (int k = 0; k < 2; k++) result->highest_pair[k] = result->sources[(size_t)highest[1 + k]];
    DESY_TRY(permute(world, &order, places, seed, means));
    summarise(means, result);
out:
    free(order.clips);
    free(places);
    return rc;
}
