#include "eval/isotonic.h"

#include "base/error.h"

#include <stdlib.h>

/* Puts a block on top of n others, and pools while the shares do not rise. *n: the number after. */
static void push(struct desy_isotonic_block *blocks, size_t *n, struct desy_isotonic_block block)
{
    while (*n > 0 && (__int128)blocks[*n - 1].pos * block.all >= (__int128)block.pos * blocks[*n - 1].all) {
        const struct desy_isotonic_block *below = &blocks[--*n];
        block = (struct desy_isotonic_block){below->low, block.high, below->pos + block.pos, below->all + block.all};
    }
    blocks[(*n)++] = block;
}

int desy_isotonic_fit(desy_world *world, const desy_ranking *ranking, struct desy_isotonic *isotonic)
{
    struct desy_isotonic_block *mine = malloc((ranking->n_keys[0] + ranking->n_keys[1] + 2) * sizeof *mine), *all = NULL;
    struct desy_groups groups;
    size_t n = 0, total = 0, end, *counts = NULL;
    *isotonic = (struct desy_isotonic){0};
    int rc = desy_agree(world, mine ? DESY_OK : desy_error_memory("isotonic regression"));
    if (rc != DESY_OK) goto out;
    desy_groups_open(&groups, ranking, true); /* ascending */
    while (desy_groups_next(&groups))
        for (size_t i = 0; i < groups.n; i++) {
            const struct desy_group *group = &groups.group[i];
            push(mine, &n, (struct desy_isotonic_block){group->score, group->score, group->pos, group->pos + group->neg});
        }
    DESY_TRY(desy_gatherall(world, &n, 1, sizeof n, (void **)&counts, &total));
    DESY_TRY(desy_gatherall(world, mine, n, sizeof *mine, (void **)&all, &total));
    isotonic->blocks = malloc((total + 1) * sizeof *isotonic->blocks);
    DESY_TRY(desy_agree(world, isotonic->blocks ? DESY_OK : desy_error_memory("isotonic regression")));
    end = total;
    for (int rank = desy_size(world) - 1; rank >= 0; rank--) { /* the last rank holds the lowest scores */
        for (size_t i = end - counts[rank]; i < end; i++) push(isotonic->blocks, &isotonic->n, all[i]);
        end -= counts[rank];
    }
out:
    free(mine);
    free(all);
    free(counts);
    return rc;
}

static double share(const struct desy_isotonic_block *block) { return (double)block->pos / (double)block->all; }

double desy_isotonic_at(const struct desy_isotonic *isotonic, double score)
{
    size_t first = 0, end = isotonic->n; /* blocks before `first` begin at or below the score */
    while (first < end) {
        const size_t middle = first + (end - first) / 2;
        if (isotonic->blocks[middle].low <= score) first = middle + 1;
        else end = middle;
    }
    if (first == 0) return share(&isotonic->blocks[0]);
    const struct desy_isotonic_block *below = &isotonic->blocks[first - 1];
    if (score <= below->high || first == isotonic->n) return share(below);
    const double part = (score - below->high) / (below[1].low - below->high);
    return share(below) + part * (share(&below[1]) - share(below));
}

void desy_isotonic_close(struct desy_isotonic *isotonic)
{
    free(isotonic->blocks);
    *isotonic = (struct desy_isotonic){0};
}
