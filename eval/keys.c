#include "eval/keys.h"

#include "base/error.h"
#include "base/random.h"

#include <stdlib.h>

static int ascending(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

size_t desy_key_sample(size_t n, size_t i, size_t samples)
{
    const size_t first = n / samples * i + n % samples * i / samples, next = n / samples * (i + 1) + n % samples * (i + 1) / samples;
    return first + desy_random_u64(0, n, i) % (next - first);
}

int desy_key_splitters(desy_world *world, const uint64_t *samples, size_t n, struct desy_splitters *splitters)
{
    const size_t size = (size_t)desy_size(world);
    uint64_t *all = NULL;
    size_t total = 0;
    *splitters = (struct desy_splitters){0};
    int rc = desy_gatherall(world, samples, n, sizeof *samples, (void **)&all, &total);
    if (rc != DESY_OK) return rc;
    qsort(all, total, sizeof *all, ascending);
    splitters->keys = malloc(2 * size * sizeof *splitters->keys);
    rc = desy_agree(world, splitters->keys ? DESY_OK : desy_error_memory("scores to sort"));
    for (size_t r = 1; rc == DESY_OK && total > 0 && r < size; r++) {
        const uint64_t key = all[total / size * r + total % size * r / size];
        if (splitters->n == 0 || splitters->keys[splitters->n - 1] != key) splitters->keys[splitters->n++] = key;
    }
    free(all);
    if (rc != DESY_OK) return rc;
    while (2 * splitters->step <= splitters->n) splitters->step = splitters->step ? 2 * splitters->step : 1;
    if (splitters->n == 0) splitters->step = 0;
    for (size_t i = splitters->n; i < 2 * splitters->step || i == splitters->n; i++) splitters->keys[i] = UINT64_MAX;
    return DESY_OK;
}
