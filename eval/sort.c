#include "eval/sort.h"

#include "base/error.h"
#include "eval/keys.h"
#include "eval/radix.h"

#include <stdlib.h>
#include <string.h>

static uint64_t key_of(const void *item) { return desy_key_of_double(((const struct desy_ranked *)item)->score); }

static int by_label_and_source(const void *left, const void *right)
{
    const struct desy_ranked *a = left, *b = right;
    if (a->label != b->label) return a->label < b->label ? -1 : 1;
    return (a->source > b->source) - (a->source < b->source);
}

/* *items is freed, or becomes what is sorted. */
static int sort_here(struct desy_ranked **items, size_t n)
{
    struct desy_ranked *scratch = malloc((n + 1) * sizeof *scratch);
    if (!scratch) return desy_error_memory("scores to sort");
    struct desy_ranked *sorted = desy_radix_sort(*items, scratch, n, sizeof *sorted, 8, key_of);
    free(sorted == scratch ? *items : scratch);
    *items = sorted;
    for (size_t first = 0, next; first < n; first = next) {
        for (next = first + 1; next < n && sorted[next].score == sorted[first].score; next++) continue;
        if (next - first > 1) qsort(sorted + first, next - first, sizeof *sorted, by_label_and_source);
    }
    return DESY_OK;
}

static int choose_splitters(desy_world *world, const struct desy_ranked *mine, size_t n, struct desy_splitters *splitters)
{
    uint64_t samples[DESY_KEY_SAMPLES];
    const size_t taken = n < DESY_KEY_SAMPLES ? n : DESY_KEY_SAMPLES;
    for (size_t i = 0; i < taken; i++) samples[i] = key_of(&mine[desy_key_sample(n, i, taken)]);
    return desy_key_splitters(world, samples, taken, splitters);
}

int desy_sort_scores(desy_world *world, const struct desy_ranked *mine, size_t n, struct desy_ranked **sorted, size_t *count)
{
    int rc = DESY_OK;
    struct desy_splitters splitters = {0};
    struct desy_ranked *local = malloc((n + 1) * sizeof *local);
    const size_t size = (size_t)desy_size(world);
    size_t *counts = calloc(2 * size, sizeof *counts), *at = counts ? counts + size : NULL;
    *sorted = NULL;
    *count = 0;
    DESY_TRY(desy_agree(world, local && counts ? DESY_OK : desy_error_memory("scores to sort")));
    DESY_TRY(choose_splitters(world, mine, n, &splitters));
    for (size_t i = 0; i < n; i++) counts[desy_key_part(key_of(&mine[i]), &splitters)]++;
    for (size_t r = 1; r < size; r++) at[r] = at[r - 1] + counts[r - 1];
    for (size_t i = 0; i < n; i++) local[at[desy_key_part(key_of(&mine[i]), &splitters)]++] = mine[i];
    if (size == 1) {
        *sorted = local;
        *count = n;
        local = NULL;
    } else
        DESY_TRY(desy_exchange(world, local, counts, sizeof *local, (void **)sorted, count));
    free(local);
    local = NULL;
    rc = desy_agree(world, sort_here(sorted, *count));
out:
    if (rc != DESY_OK) {
        free(*sorted);
        *sorted = NULL;
        *count = 0;
    }
    free(local);
    free(counts);
    free(splitters.keys);
    return rc;
}
