#include "eval/repeated.h"

#include "base/aligned.h"
#include "base/error.h"
#include "eval/radix.h"

#include <stdlib.h>
#include <string.h>

struct numbered { uint64_t hash; int64_t number; };

static uint64_t hash_of(const struct desy_texts *texts, size_t i)
{
    const char *text = desy_texts_at(texts, i);
    const uint64_t end = i + 1 < texts->n ? texts->starts[i + 1] : texts->used;
    return desy_text_hash(text, (size_t)(end - texts->starts[i]) - 1);
}

/* The rank that looks after a hash. */
static size_t rank_of(uint64_t hash, size_t ranks) { return (size_t)((unsigned __int128)hash * ranks >> 64); }

static uint64_t key_of_hash(const void *hash) { return *(const uint64_t *)hash; }
static uint64_t key_of_numbered(const void *item) { return ((const struct numbered *)item)->hash; }

/* Hashes, with the numbers of their texts or alone, at the ranks that look after them, in the order of the texts. *items: new, caller frees. */
static int deal(desy_world *world, const struct desy_texts *texts, bool with_numbers, int64_t base, void **items, size_t *n)
{
    const size_t ranks = (size_t)desy_size(world), width = with_numbers ? sizeof(struct numbered) : sizeof(uint64_t);
    size_t *counts = calloc(2 * ranks, sizeof *counts), *at = counts ? counts + ranks : NULL;
    char *mine = desy_aligned_alloc((texts->n + 1) * width);
    int rc = DESY_OK;
    *items = NULL;
    DESY_TRY(desy_agree(world, counts && mine ? DESY_OK : desy_error_memory("hashes of ids")));
    for (size_t i = 0; ranks > 1 && i < texts->n; i++) counts[rank_of(hash_of(texts, i), ranks)]++;
    for (size_t r = 1; r < ranks; r++) at[r] = at[r - 1] + counts[r - 1];
    for (size_t i = 0; i < texts->n; i++) {
        const struct numbered item = {hash_of(texts, i), base + (int64_t)i};
        memcpy(mine + at[rank_of(item.hash, ranks)]++ * width, &item, width);
    }
    if (ranks > 1) rc = desy_exchange(world, mine, counts, width, items, n);
    else {
        *items = mine;
        *n = texts->n;
        mine = NULL;
    }
out:
    free(counts);
    free(mine);
    return rc;
}

/* Are there two equal ones? Sorted by some of their bits: those that have these in common are few. */
static int any_equal(uint64_t **hashes, size_t n, bool *found)
{
    uint64_t *scratch = desy_aligned_alloc((n + 1) * sizeof *scratch);
    *found = false;
    if (!scratch) return desy_error_memory("hashes of ids");
    uint64_t *sorted = n < (size_t)1 << 26 ? desy_radix_sort(*hashes, scratch, n, sizeof *sorted, 3, key_of_hash) : desy_radix_sort(*hashes, scratch, n, sizeof *sorted, 4, key_of_hash);
    for (size_t i = 0; i < n && !*found; i++)
        for (size_t j = i + 1; j < n && ((sorted[j] ^ sorted[i]) & 0xffffff) == 0 && !*found; j++) *found = sorted[j] == sorted[i];
    free(scratch == sorted ? *hashes : scratch);
    *hashes = sorted;
    return DESY_OK;
}

/* The text of this number, on all ranks; new. */
static int fetch(desy_world *world, const struct desy_texts *texts, int64_t base, int64_t number, char **text)
{
    const bool mine = number >= base && number < base + (int64_t)texts->n;
    double owner = mine ? desy_rank(world) : -1;
    desy_max_f64(world, &owner, 1);
    *text = mine ? strdup(desy_texts_at(texts, (size_t)(number - base))) : NULL;
    const int rc = desy_agree(world, !mine || *text ? DESY_OK : desy_error_memory("an id"));
    return rc != DESY_OK ? rc : desy_broadcast_text(world, text, (int)owner);
}

/* The next pair of numbers under one hash, *first < *second, in the order of the second and then of the first; *second -1: none, and before the first pair. */
static void find_candidate(desy_world *world, const struct numbered *sorted, size_t n, int64_t *first, int64_t *second)
{
    int64_t best = -1, earlier = -1;
    for (size_t i = 0, run = 0; i < n; i++) { /* numbers ascend within a run of one hash */
        const int64_t number = sorted[i].number;
        if (sorted[i].hash != sorted[run].hash) run = i;
        if (number < *second || (best >= 0 && number >= best)) continue;
        size_t j = run;
        while (number == *second && j < i && sorted[j].number <= *first) j++;
        if (j < i) best = number, earlier = sorted[j].number;
    }
    double least = best < 0 ? -0x1p60 : -(double)best; /* numbers are below 2^53 */
    desy_max_f64(world, &least, 1);
    double of_least = best >= 0 && -(double)best == least ? (double)earlier : -1;
    desy_max_f64(world, &of_least, 1);
    *second = least == -0x1p60 ? -1 : (int64_t)-least;
    *first = (int64_t)of_least;
}

/* Hashes are known to repeat: which, and do the texts? *first and *second are -1 at first. */
static int find_texts(desy_world *world, const struct desy_texts *texts, int64_t *first, int64_t *second)
{
    const int64_t base = desy_prefix_i64(world, (int64_t)texts->n);
    struct numbered *items = NULL, *scratch = NULL, *sorted = NULL;
    char *one = NULL, *other = NULL;
    size_t n = 0;
    int rc = DESY_OK;
    DESY_TRY(deal(world, texts, true, base, (void **)&items, &n));
    scratch = malloc((n + 1) * sizeof *scratch);
    DESY_TRY(desy_agree(world, scratch ? DESY_OK : desy_error_memory("hashes of ids")));
    sorted = desy_radix_sort(items, scratch, n, sizeof *sorted, 8, key_of_numbered);
    for (;;) {
        find_candidate(world, sorted, n, first, second);
        if (*second < 0) break;
        DESY_TRY(fetch(world, texts, base, *first, &one));
        DESY_TRY(fetch(world, texts, base, *second, &other));
        const bool equal = strcmp(one, other) == 0;
        free(one);
        free(other);
        one = other = NULL;
        if (equal) break;
    }
out:
    free(items);
    free(scratch);
    free(one);
    free(other);
    return rc;
}

int desy_texts_find_repeated(desy_world *world, const struct desy_texts *texts, int64_t *first, int64_t *second)
{
    uint64_t *hashes = NULL;
    size_t n = 0;
    bool found = false;
    int rc = DESY_OK;
    *first = *second = -1;
    DESY_TRY(deal(world, texts, false, 0, (void **)&hashes, &n));
    DESY_TRY(desy_agree(world, any_equal(&hashes, n, &found)));
    int64_t all = found;
    desy_sum_i64(world, &all, 1);
    free(hashes);
    hashes = NULL;
    if (all > 0) rc = find_texts(world, texts, first, second);
out:
    free(hashes);
    return rc;
}
