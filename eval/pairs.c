#include "eval/pairs.h"

#include "base/error.h"
#include "base/random.h"
#include "eval/interval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DRAWS 1000

static int by_score(const void *a, const void *b)
{
    const struct desy_pair_row *x = a, *y = b;
    if (x->score != y->score) return (x->score > y->score) - (x->score < y->score);
    return (x->item > y->item) - (x->item < y->item);
}

int desy_pairs_open(struct desy_pairs *pairs, double *scores, int cells, size_t items, const uint8_t *labels, const size_t *sources, size_t n_sources)
{
    size_t n = 0;
    *pairs = (struct desy_pairs){.items = items, .labels = labels, .sources = sources, .n_sources = n_sources, .cells = cells, .scores = scores};
    for (size_t i = 0; i < (size_t)cells * items; i++) n += !isnan(scores[i]);
    pairs->rows = malloc((n + 1) * sizeof *pairs->rows);
    pairs->first = malloc(((size_t)cells + 1) * sizeof *pairs->first);
    if (!pairs->rows || !pairs->first) return desy_error_memory("pairs");
    n = 0;
    for (int c = 0; c < cells; c++) {
        pairs->first[c] = n;
        for (size_t i = 0; i < items; i++)
            if (!isnan(scores[(size_t)c * items + i])) pairs->rows[n++] = (struct desy_pair_row){scores[(size_t)c * items + i], i};
        qsort(pairs->rows + pairs->first[c], n - pairs->first[c], sizeof *pairs->rows, by_score);
    }
    pairs->first[cells] = n;
    return DESY_OK;
}

void desy_pairs_close(struct desy_pairs *pairs)
{
    free(pairs->rows);
    free(pairs->first);
    memset(pairs, 0, sizeof *pairs);
}

void desy_pairs_count(const struct desy_pairs *pairs, const double *weights, double *right, double *all)
{
    *right = *all = 0;
    for (int c = 0; c < pairs->cells; c++) {
        double reals_below = 0, total[2] = {0};
        for (size_t from = pairs->first[c], to; from < pairs->first[c + 1]; from = to) {
            double tied[2] = {0};
            for (to = from; to < pairs->first[c + 1] && pairs->rows[to].score == pairs->rows[from].score; to++) {
                const size_t item = pairs->rows[to].item;
                tied[pairs->labels[item]] += weights ? weights[item] : 1;
            }
            *right += tied[1] * (reals_below + tied[0] / 2);
            reals_below += tied[0];
            total[0] += tied[0], total[1] += tied[1];
        }
        *all += total[0] * total[1];
    }
}

double desy_pairs_share(const struct desy_pairs *pairs, const double *weights)
{
    double right, all;
    desy_pairs_count(pairs, weights, &right, &all);
    return all > 0 ? right / all : NAN;
}

struct draw {
    uint64_t seed, stream, counter;
};

static size_t below(struct draw *draw, size_t n)
{
    return (size_t)(desy_random_uniform(draw->seed, draw->stream, draw->counter++) * (double)n);
}

/* Items by source: those of source s are members[first[s]] to members[first[s + 1] - 1]. */
struct members {
    size_t *item, *first, *some; /* some (n_sources): room */
};

static void draw_clips(const struct desy_pairs *pairs, const struct members *m, struct draw *draw, double *times)
{
    for (size_t s = 0; s < pairs->n_sources; s++)
        for (size_t k = m->first[s]; k < m->first[s + 1]; k++) times[m->item[m->first[s] + below(draw, m->first[s + 1] - m->first[s])]]++;
}

static void draw_sources(const struct desy_pairs *pairs, const struct members *m, struct draw *draw, double *times)
{
    for (int label = 0; label < 2; label++) {
        size_t n = 0;
        for (size_t s = 0; s < pairs->n_sources; s++)
            if (m->first[s + 1] > m->first[s] && pairs->labels[m->item[m->first[s]]] == label) m->some[n++] = s;
        for (size_t k = 0; k < n; k++) {
            const size_t s = m->some[below(draw, n)];
            for (size_t i = m->first[s]; i < m->first[s + 1]; i++) times[m->item[i]]++;
        }
    }
}

static void sort_members(const struct desy_pairs *pairs, struct members *m)
{
    memset(m->first, 0, (pairs->n_sources + 2) * sizeof *m->first);
    for (size_t i = 0; i < pairs->items; i++) m->first[pairs->sources[i] + 2]++;
    for (size_t s = 0; s < pairs->n_sources; s++) m->first[s + 2] += m->first[s + 1];
    for (size_t i = 0; i < pairs->items; i++) m->item[m->first[pairs->sources[i] + 1]++] = i;
}

int desy_pairs_interval(const struct desy_pairs *pairs, const double *weights, enum desy_pairs_unit unit, uint64_t seed, double interval[2])
{
    double *times = malloc((pairs->items + 1) * sizeof *times), shares[DRAWS];
    struct members m = {malloc((pairs->items + 1) * sizeof *m.item), malloc((pairs->n_sources + 2) * sizeof *m.first), malloc((pairs->n_sources + 1) * sizeof *m.some)};
    size_t n = 0;
    int rc = times && m.item && m.first && m.some ? DESY_OK : desy_error_memory("an interval");
    if (rc == DESY_OK) sort_members(pairs, &m);
    for (int d = 0; rc == DESY_OK && d < DRAWS; d++) {
        struct draw draw = {seed, (uint64_t)d, 0};
        memset(times, 0, pairs->items * sizeof *times);
        (unit == DESY_PAIRS_CLIPS ? draw_clips : draw_sources)(pairs, &m, &draw, times);
        for (size_t i = 0; weights && i < pairs->items; i++) times[i] *= weights[i];
        shares[n] = desy_pairs_share(pairs, times);
        n += !isnan(shares[n]);
    }
    desy_percentiles(shares, n, interval);
    free(times);
    free(m.item);
    free(m.first);
    free(m.some);
    return rc;
}
