#include "eval/sort.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLES 64 /* of each rank: parts differ by a few per cent */

static int descending(const void *left, const void *right)
{
    const struct desy_ranked *a = left, *b = right;
    if (a->score != b->score) return a->score < b->score ? 1 : -1;
    if (a->label != b->label) return a->label < b->label ? -1 : 1;
    return (a->source > b->source) - (a->source < b->source);
}

static int descending_double(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a < b) - (a > b);
}

/* size - 1 values that part all scores into about equal shares, the same on every rank; fewer if there are few scores. */
static int choose_splitters(desy_world *world, const struct desy_ranked *sorted, size_t n, double **splitters, size_t *count)
{
    const size_t size = (size_t)desy_size(world);
    double samples[SAMPLES];
    const size_t taken = n < SAMPLES ? n : SAMPLES;
    size_t total = 0;
    for (size_t i = 0; i < taken; i++) samples[i] = sorted[(2 * i + 1) * n / (2 * taken)].score;
    int rc = desy_gatherall(world, samples, taken, sizeof *samples, (void **)splitters, &total);
    if (rc != DESY_OK) return rc;

    qsort(*splitters, total, sizeof **splitters, descending_double);
    *count = total < size ? total : size - 1;
    for (size_t i = 0; i < *count; i++) (*splitters)[i] = (*splitters)[(i + 1) * total / (*count + 1)];
    return DESY_OK;
}

int desy_sort_scores(desy_world *world, const struct desy_ranked *mine, size_t n, struct desy_ranked **sorted, size_t *count)
{
    int rc = DESY_OK;
    double *splitters = NULL;
    size_t parts = 0, destination = 0;
    struct desy_ranked *local = malloc((n + 1) * sizeof *local);
    size_t *counts = calloc((size_t)desy_size(world), sizeof *counts);
    *sorted = NULL;
    *count = 0;
    DESY_TRY(desy_agree(world, local && counts ? DESY_OK : desy_error_memory("scores to sort")));
    if (n > 0) memcpy(local, mine, n * sizeof *local);
    qsort(local, n, sizeof *local, descending);

    DESY_TRY(choose_splitters(world, local, n, &splitters, &parts));
    for (size_t i = 0; i < n; i++) { /* a rank gets what is at most its splitter, and above the next one: ties stay together */
        while (destination < parts && local[i].score <= splitters[destination]) destination++;
        counts[destination]++;
    }
    DESY_TRY(desy_exchange(world, local, counts, sizeof *local, (void **)sorted, count));
    qsort(*sorted, *count, sizeof **sorted, descending);
out:
    free(local);
    free(counts);
    free(splitters);
    return rc;
}
