#include "eval/bootstrap.h"

#include "base/aligned.h"
#include "base/cpu.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define VECTOR 64 /* bytes: 32 lanes of 16 bits */
#define VECTORS (2 * DESY_LANES / VECTOR)
#define AHEAD 16  /* items whose weights are fetched before their turn */

typedef uint16_t lanes __attribute__((vector_size(VECTOR)));
typedef uint8_t octets __attribute__((vector_size(VECTOR / 2)));

struct sums { uint64_t pairs[DESY_LANES]; uint32_t pos[DESY_LANES], neg[DESY_LANES]; };

/* Goes on over `n` items: of each real one the AI-generated ones before it. Chunks are so short that their sums fit 16 bits: of weights that add up to at most 510, the
 * products of AI-generated and real ones add up to at most 255 x 255. */
DESY_VECTOR_CLONES static void count_pairs(struct sums *sums, const uint32_t *items, size_t n, const uint8_t *weights, unsigned most)
{
    const size_t chunk = 510 / most;
    for (size_t i = 0; i < n;) {
        const size_t end = n - i < chunk ? n : i + chunk;
        lanes pos[VECTORS] = {{0}}, neg[VECTORS] = {{0}}, pairs[VECTORS] = {{0}};
        for (; i < end; i++) {
            const uint8_t *row = weights + (size_t)(items[i] >> 1) * DESY_LANES;
            const uint16_t label = (uint16_t)-(items[i] & 1);
            if (n - i > AHEAD) __builtin_prefetch(weights + (size_t)(items[i + AHEAD] >> 1) * DESY_LANES);
            for (int v = 0; v < VECTORS; v++) {
                octets narrow;
                memcpy(&narrow, row + VECTOR / 2 * v, sizeof narrow);
                const lanes weight = __builtin_convertvector(narrow, lanes), positive = weight & label, negative = weight - positive;
                pairs[v] += negative * pos[v];
                neg[v] += negative;
                pos[v] += positive;
            }
        }
        uint16_t part[3][DESY_LANES];
        memcpy(part[0], pos, sizeof pos);
        memcpy(part[1], neg, sizeof neg);
        memcpy(part[2], pairs, sizeof pairs);
        for (int l = 0; l < DESY_LANES; l++) {
            sums->pairs[l] += (uint64_t)part[1][l] * sums->pos[l] + part[2][l];
            sums->pos[l] += part[0][l];
            sums->neg[l] += part[1][l];
        }
    }
}

/* Products of the AI-generated and the real clips of one score. */
DESY_VECTOR_CLONES static void count_tied(uint64_t *products, const uint32_t *items, size_t n, const uint8_t *weights)
{
    uint32_t all[DESY_LANES] = {0}, pos[DESY_LANES] = {0};
    for (size_t i = 0; i < n; i++) {
        const uint8_t *row = weights + (size_t)(items[i] >> 1) * DESY_LANES;
        const uint32_t label = -(items[i] & 1);
        for (int l = 0; l < DESY_LANES; l++) {
            all[l] += row[l];
            pos[l] += row[l] & label;
        }
    }
    for (int l = 0; l < DESY_LANES; l++) products[l] += (uint64_t)pos[l] * (all[l] - pos[l]);
}

void desy_bootstrap_count(const struct desy_order *order, const uint8_t *weights, unsigned most, struct desy_resampled *counts)
{
    struct sums sums = {0};
    uint64_t tied[DESY_LANES] = {0};
    count_pairs(&sums, order->items, order->above, weights, most);
    for (int l = 0; l < DESY_LANES; l++) counts[l].pos_above = sums.pos[l], counts[l].neg_above = sums.neg[l];
    count_pairs(&sums, order->items + order->above, order->n - order->above, weights, most);
    for (size_t t = 0; t < order->n_ties; t++) count_tied(tied, order->items + order->ties[t].first, order->ties[t].n, weights);
    for (int l = 0; l < DESY_LANES; l++) {
        counts[l].twice = (int64_t)(2 * sums.pairs[l] + tied[l]);
        counts[l].pos = sums.pos[l], counts[l].neg = sums.neg[l];
    }
}

int desy_bootstrap_run(desy_world *world, const struct desy_units *units, const struct desy_order *orders, size_t n_orders, uint64_t seed, size_t resamples,
                       struct desy_resampled **counts)
{
    const size_t blocks = (resamples + DESY_LANES - 1) / DESY_LANES;
    struct desy_resampled block[DESY_LANES];
    uint8_t *weights = desy_aligned_alloc((units->n + 1) * DESY_LANES), *times = malloc((units->n_strata + 1) * DESY_LANES);
    *counts = calloc(n_orders * resamples + 1, sizeof **counts);
    int rc = desy_agree(world, weights && times && *counts ? DESY_OK : desy_error_memory("resamples"));
    for (size_t b = (size_t)desy_rank(world); rc == DESY_OK && b < blocks; b += (size_t)desy_size(world)) {
        const unsigned most = desy_resample(units, seed, b, weights, times);
        const size_t first = b * DESY_LANES, n = resamples - first < DESY_LANES ? resamples - first : DESY_LANES;
        for (size_t o = 0; o < n_orders; o++) {
            desy_bootstrap_count(&orders[o], weights, most, block);
            memcpy(*counts + o * resamples + first, block, n * sizeof *block);
        }
    }
    if (rc == DESY_OK) desy_sum_i64(world, (int64_t *)*counts, n_orders * resamples * (sizeof **counts / sizeof(int64_t))); /* each was counted on one rank */
    free(weights);
    free(times);
    if (rc != DESY_OK) free(*counts), *counts = NULL;
    return rc;
}

double desy_resampled_auc(const struct desy_resampled *c) { return (double)c->twice / (2. * (double)c->pos * (double)c->neg); }
double desy_resampled_tpr(const struct desy_resampled *c) { return (double)c->pos_above / (double)c->pos; }
double desy_resampled_fpr(const struct desy_resampled *c) { return (double)c->neg_above / (double)c->neg; }
double desy_resampled_accuracy(const struct desy_resampled *c) { return (double)(c->pos_above + c->neg - c->neg_above) / (double)(c->pos + c->neg); }
