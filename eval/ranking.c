#include "eval/ranking.h"

#include "base/aligned.h"
#include "base/error.h"
#include "eval/keys.h"
#include "eval/radix.h"
#include "eval/ranking_figures.h"

#include <math.h>
#include <stdlib.h>

#define INLINE static inline __attribute__((always_inline)) /* `wide` is a constant in what they become */

/* ---- the distributed sort ---- */

struct input {
    const void *scores; /* double if wide, else float */
    const uint8_t *labels;
    size_t n;
    struct desy_splitters splitters;
    size_t ranks;
};

/* false: no score. */
INLINE bool key_at(const struct input *input, size_t i, bool wide, uint64_t *key)
{
    if (wide) {
        const double score = ((const double *)input->scores)[i];
        *key = desy_key_of_double(score);
        return !isnan(score);
    }
    const float score = ((const float *)input->scores)[i];
    *key = desy_key_of_float(score);
    return !isnan(score);
}

static uint64_t wide_key(const void *key) { return *(const uint64_t *)key; }
static uint64_t narrow_key(const void *key) { return *(const uint32_t *)key; }

/* Puts every key where it belongs, at[label * ranks + rank]++; without `keys` that counts alone, and the keys that are splitters, tied[2 * splitter + label]. */
INLINE void place(const struct input *input, bool wide, size_t *at, int64_t *tied, void *const *keys)
{
    const struct desy_splitters splitters = input->splitters;
    for (size_t i = 0; i < input->n; i++) {
        uint64_t key;
        if (!key_at(input, i, wide, &key)) continue;
        const size_t label = input->labels[i], part = desy_key_part(key, &splitters);
        if (splitters.keys[part] == key) {
            if (!keys) tied[2 * part + label]++;
            continue;
        }
        const size_t to = at[label * input->ranks + part]++;
        if (!keys) continue;
        if (wide) ((uint64_t *)keys[label])[to] = key;
        else ((uint32_t *)keys[label])[to] = (uint32_t)key;
    }
}

static int choose_splitters(desy_world *world, struct input *input, bool wide)
{
    uint64_t samples[DESY_KEY_SAMPLES];
    const size_t most = input->n < DESY_KEY_SAMPLES ? input->n : DESY_KEY_SAMPLES;
    size_t taken = 0;
    for (size_t i = 0; i < most; i++) taken += wide ? key_at(input, desy_key_sample(input->n, i, most), true, &samples[taken])
                                                    : key_at(input, desy_key_sample(input->n, i, most), false, &samples[taken]);
    return desy_key_splitters(world, samples, taken, &input->splitters);
}

/* Of n keys that leave: about as many come, and what held them then serves to sort these. */
static size_t room_for(size_t n) { return n + n / 16 + 1; }

/* The keys of one class go to their ranks, and are sorted there. `sent`: how many. */
static int exchange_and_sort(desy_world *world, const size_t *counts, size_t sent, desy_ranking *ranking, int label)
{
    int rc = DESY_OK;
    void **keys = &ranking->keys[label], *received = NULL, *scratch = NULL;
    const size_t width = ranking->wide ? sizeof(uint64_t) : sizeof(uint32_t);
    size_t n = sent;
    if (desy_size(world) > 1) {
        DESY_TRY(desy_exchange(world, *keys, counts, width, &received, &n));
        if (n <= room_for(sent)) scratch = *keys;
        else free(*keys);
        *keys = received;
    }
    ranking->n_keys[label] = n;
    if (!scratch) scratch = desy_aligned_alloc((n + 1) * width);
    rc = desy_agree(world, scratch ? DESY_OK : desy_error_memory("scores to sort"));
    if (rc != DESY_OK) {
        free(scratch);
        return rc;
    }
    void *sorted = ranking->wide ? desy_radix_sort(*keys, scratch, n, sizeof(uint64_t), 8, wide_key) : desy_radix_sort(*keys, scratch, n, sizeof(uint32_t), 4, narrow_key);
    free(sorted == scratch ? *keys : scratch);
    *keys = sorted;
out:
    return rc;
}

static int sort_keys(desy_world *world, struct input *input, desy_ranking *ranking)
{
    size_t sent[2];
    const size_t ranks = input->ranks, width = ranking->wide ? sizeof(uint64_t) : sizeof(uint32_t);
    size_t *counts = calloc(4 * ranks, sizeof *counts), *at = counts ? counts + 2 * ranks : NULL;
    int64_t *tied = calloc(2 * ranks, sizeof *tied);
    int rc = DESY_OK;
    DESY_TRY(desy_agree(world, counts && tied ? DESY_OK : desy_error_memory("scores to sort")));
    DESY_TRY(choose_splitters(world, input, ranking->wide));
    if (ranking->wide) place(input, true, counts, tied, NULL);
    else place(input, false, counts, tied, NULL);
    for (int label = 0; label < 2; label++) {
        size_t n = 0;
        for (size_t r = 0; r < ranks; r++) {
            at[label * ranks + r] = n;
            n += counts[label * ranks + r];
        }
        sent[label] = n;
        ranking->keys[label] = desy_aligned_alloc(room_for(n) * width);
        if (!ranking->keys[label]) rc = desy_error_memory("scores to sort");
    }
    DESY_TRY(desy_agree(world, rc));
    if (ranking->wide) place(input, true, at, tied, ranking->keys);
    else place(input, false, at, tied, ranking->keys);
    for (int label = 0; label < 2; label++) DESY_TRY(exchange_and_sort(world, counts + label * ranks, sent[label], ranking, label));

    desy_sum_i64(world, tied, 2 * input->splitters.n);
    const size_t rank = (size_t)desy_rank(world);
    if (rank < input->splitters.n)
        ranking->tie = (struct desy_group){.score = ranking->wide ? desy_double_of_key(input->splitters.keys[rank]) : (double)desy_float_of_key((uint32_t)input->splitters.keys[rank]),
                                           .neg = tied[2 * rank], .pos = tied[2 * rank + 1]};
out:
    free(counts);
    free(tied);
    return rc;
}

static int open_ranking(desy_world *world, struct input *input, bool wide, desy_ranking *ranking)
{
    *ranking = (desy_ranking){.wide = wide};
    int rc = sort_keys(world, input, ranking);
    free(input->splitters.keys);
    if (rc == DESY_OK) {
        int64_t totals[2] = {(int64_t)ranking->n_keys[0] + ranking->tie.neg, (int64_t)ranking->n_keys[1] + ranking->tie.pos};
        for (int label = 0; label < 2; label++) ranking->before[label] = desy_prefix_i64(world, totals[label]);
        desy_sum_i64(world, totals, 2);
        ranking->neg = totals[0];
        ranking->pos = totals[1];
        rc = desy_ranking_measure(world, ranking);
    }
    if (rc != DESY_OK) desy_ranking_close(ranking);
    return rc;
}

int desy_ranking_open(desy_world *world, const double *scores, const uint8_t *labels, size_t n, desy_ranking *ranking)
{
    return open_ranking(world, &(struct input){.scores = scores, .labels = labels, .n = n, .ranks = (size_t)desy_size(world)}, true, ranking);
}

int desy_ranking_open_floats(desy_world *world, const float *scores, const uint8_t *labels, size_t n, desy_ranking *ranking)
{
    return open_ranking(world, &(struct input){.scores = scores, .labels = labels, .n = n, .ranks = (size_t)desy_size(world)}, false, ranking);
}

void desy_ranking_close(desy_ranking *ranking)
{
    free(ranking->keys[0]);
    free(ranking->keys[1]);
    *ranking = (desy_ranking){0};
}

/* ---- groups ---- */

void desy_groups_open(struct desy_groups *groups, const desy_ranking *ranking, bool backwards)
{
    groups->ranking = ranking;
    groups->backwards = backwards;
    groups->tie_left = ranking->tie.pos + ranking->tie.neg > 0;
    groups->n = 0;
    const int64_t tied[2] = {ranking->tie.neg, ranking->tie.pos};
    for (int label = 0; label < 2; label++) {
        groups->at[label] = backwards ? ranking->n_keys[label] : 0;
        groups->seen[label] = ranking->before[label] + (backwards ? (int64_t)ranking->n_keys[label] + tied[label] : 0);
    }
}

INLINE uint64_t get(const void *keys, size_t i, bool wide) { return wide ? ((const uint64_t *)keys)[i] : ((const uint32_t *)keys)[i]; }

INLINE double score_of(uint64_t key, bool wide) { return wide ? desy_double_of_key(key) : (double)desy_float_of_key((uint32_t)key); }

/* How many of the keys from `at` on are `key`. A second one is rare in most data: the first costs no branch that depends on the data. */
INLINE size_t run(const void *keys, size_t n, size_t at, uint64_t key, bool wide)
{
    if (at >= n) return 0;
    const size_t first = get(keys, at, wide) == key;
    if (__builtin_expect(!first || at + 1 >= n || get(keys, at + 1, wide) != key, 1)) return first;
    size_t next = at + 2;
    while (next < n && get(keys, next, wide) == key) next++;
    return next - at;
}

INLINE size_t fill(struct desy_groups *groups, bool wide)
{
    const void *const *keys = (const void *const *)groups->ranking->keys;
    const size_t *n = groups->ranking->n_keys;
    size_t made = 0, neg_at = groups->at[0], pos_at = groups->at[1];
    int64_t fp = groups->seen[0], tp = groups->seen[1];
    while (made < DESY_GROUPS && (neg_at < n[0] || pos_at < n[1])) {
        const uint64_t of_neg = neg_at < n[0] ? get(keys[0], neg_at, wide) : UINT64_MAX, of_pos = pos_at < n[1] ? get(keys[1], pos_at, wide) : UINT64_MAX;
        const uint64_t key = of_neg < of_pos ? of_neg : of_pos;
        const size_t neg = run(keys[0], n[0], neg_at, key, wide), pos = run(keys[1], n[1], pos_at, key, wide);
        neg_at += neg, pos_at += pos;
        fp += (int64_t)neg, tp += (int64_t)pos;
        groups->group[made++] = (struct desy_group){score_of(key, wide), (int64_t)pos, (int64_t)neg, tp, fp};
    }
    groups->at[0] = neg_at, groups->at[1] = pos_at;
    groups->seen[0] = fp, groups->seen[1] = tp;
    return made;
}

static size_t fill_backwards(struct desy_groups *groups)
{
    const desy_ranking *ranking = groups->ranking;
    const bool wide = ranking->wide;
    size_t made = 0;
    while (made < DESY_GROUPS && (groups->at[0] > 0 || groups->at[1] > 0)) {
        uint64_t key = 0;
        int64_t counts[2];
        for (int label = 0; label < 2; label++)
            if (groups->at[label] > 0 && get(ranking->keys[label], groups->at[label] - 1, wide) > key) key = get(ranking->keys[label], groups->at[label] - 1, wide);
        for (int label = 0; label < 2; label++) {
            const size_t before = groups->at[label];
            while (groups->at[label] > 0 && get(ranking->keys[label], groups->at[label] - 1, wide) == key) groups->at[label]--;
            counts[label] = (int64_t)(before - groups->at[label]);
        }
        groups->group[made++] = (struct desy_group){score_of(key, wide), counts[1], counts[0], groups->seen[1], groups->seen[0]};
        groups->seen[0] -= counts[0], groups->seen[1] -= counts[1];
    }
    return made;
}

static size_t fill_tie(struct desy_groups *groups)
{
    struct desy_group tie = groups->ranking->tie;
    if (!groups->tie_left) return 0;
    groups->tie_left = false;
    tie.fp = groups->seen[0] + (groups->backwards ? 0 : tie.neg);
    tie.tp = groups->seen[1] + (groups->backwards ? 0 : tie.pos);
    groups->seen[0] += groups->backwards ? -tie.neg : tie.neg;
    groups->seen[1] += groups->backwards ? -tie.pos : tie.pos;
    groups->group[0] = tie;
    return 1;
}

bool desy_groups_next(struct desy_groups *groups)
{
    groups->n = groups->backwards ? fill_tie(groups) : groups->ranking->wide ? fill(groups, true) : fill(groups, false);
    if (groups->n == 0) groups->n = groups->backwards ? fill_backwards(groups) : fill_tie(groups);
    return groups->n > 0;
}
