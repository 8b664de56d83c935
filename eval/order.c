#include "eval/order.h"

#include "base/error.h"

#include <stdlib.h>

/* The items of one score, reals first; returns how many are real. */
static size_t put_tied(uint32_t *items, const struct desy_ranked *records, size_t n)
{
    size_t put = 0, reals;
    for (size_t i = 0; i < n; i++)
        if (!records[i].label) items[put++] = 2 * records[i].source;
    reals = put;
    for (size_t i = 0; i < n; i++)
        if (records[i].label) items[put++] = 2 * records[i].source + 1;
    return reals;
}

int desy_order_open(desy_world *world, const struct desy_ranked *records, size_t n, double threshold, struct desy_order *order)
{
    int rc = DESY_OK;
    struct desy_ranked *sorted = NULL;
    uint32_t *items = NULL;
    struct desy_tie *ties = NULL;
    size_t count = 0, n_ties = 0;
    int64_t above = 0;
    *order = (struct desy_order){0};
    DESY_TRY(desy_sort_scores(world, records, n, &sorted, &count));
    items = malloc((count + 1) * sizeof *items);
    ties = malloc((count / 2 + 1) * sizeof *ties);
    DESY_TRY(desy_agree(world, items && ties ? DESY_OK : desy_error_memory("the order of the scores")));
    const uint64_t before = (uint64_t)desy_prefix_i64(world, (int64_t)count);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && sorted[end].score == sorted[i].score; end++) continue;
        const size_t reals = put_tied(items + i, sorted + i, end - i);
        if (reals > 0 && reals < end - i) ties[n_ties++] = (struct desy_tie){before + i, end - i};
        if (sorted[i].score >= threshold) above = (int64_t)end;
    }
    desy_sum_i64(world, &above, 1);
    order->above = (size_t)above;
    DESY_TRY(desy_gatherall(world, items, count, sizeof *items, (void **)&order->items, &order->n));
    DESY_TRY(desy_gatherall(world, ties, n_ties, sizeof *ties, (void **)&order->ties, &order->n_ties));
out:
    free(sorted);
    free(items);
    free(ties);
    if (rc != DESY_OK) desy_order_close(order);
    return rc;
}

void desy_order_close(struct desy_order *order)
{
    free(order->items);
    free(order->ties);
    *order = (struct desy_order){0};
}
