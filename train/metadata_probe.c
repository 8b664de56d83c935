#include "train/metadata_probe.h"

#include "base/error.h"
#include "train/fit.h"
#include "train/probes.h"

#include <math.h>
#include <stdlib.h>

#define PENALTY .3
#define TOGETHER 256

/* Rows: the items that are fitted to, then those that are scored. */
struct table {
    size_t total, fitted, of_label[2];
    size_t *clips;   /* (total) */
    double *weights; /* (total) */
    uint8_t *labels; /* (total) */
    float *facts;    /* of this rank's rows */
    double *x;       /* the same, standardised */
};

static int open_table(struct table *table, const struct desy_items *items, const uint64_t *chosen, size_t n)
{
    const size_t most = items->count + n + 1;
    *table = (struct table){.clips = malloc(most * sizeof *table->clips), .weights = calloc(most, sizeof *table->weights), .labels = malloc(most)};
    if (!table->clips || !table->weights || !table->labels) return desy_error_memory("the probe on metadata");
    for (size_t i = 0; i < items->count; i++) {
        const struct desy_split_item *item = &items->split[i];
        const size_t clip = desy_item_first_clip(items, i);
        if (item->part != DESY_SPLIT_TRAIN || item->label < 0 || clip == SIZE_MAX) continue;
        table->labels[table->total] = (uint8_t)item->label;
        table->clips[table->total++] = clip;
        table->of_label[item->label]++;
    }
    table->fitted = table->total;
    for (size_t i = 0; i < table->fitted; i++) table->weights[i] = .5 * (double)table->fitted / (double)table->of_label[table->labels[i]];
    for (size_t i = 0; i < n; i++) {
        table->labels[table->total] = 0; /* of no weight */
        table->clips[table->total++] = desy_item_first_clip(items, chosen[i]);
    }
    return DESY_OK;
}

/* Rows of `videos` are read many at a time, since clips follow each other. */
static int read_facts(struct table *table, desy_store *store, size_t first, size_t count)
{
    struct desy_store_row rows[TOGETHER] = {0};
    int rc = DESY_OK;
    table->facts = calloc(count * DESY_PROBE_FACTS + 1, sizeof *table->facts);
    table->x = malloc((count * DESY_PROBE_FACTS + 1) * sizeof *table->x);
    if (!table->facts || !table->x) return desy_error_memory("the probe on metadata");
    for (size_t i = 0; rc == DESY_OK && i < count;) {
        const size_t from = table->clips[first + i], left = from < desy_store_videos(store) ? desy_store_videos(store) - from : 0, n = left < TOGETHER ? left : TOGETHER;
        if (n == 0) { /* a clip that could not be read */
            i++;
            continue;
        }
        rc = desy_store_read_rows(store, from, n, rows);
        for (size_t c; rc == DESY_OK && i < count && (c = table->clips[first + i]) >= from && c - from < n; i++) desy_probe_facts(table->facts + i * DESY_PROBE_FACTS, &rows[c - from]);
        for (size_t r = 0; rc == DESY_OK && r < n; r++) desy_store_row_free(&rows[r]);
    }
    return rc;
}

/* mine (count): this rank's logits. */
static int fit(desy_world *world, struct table *table, size_t first, size_t count, double *mine)
{
    double median[DESY_PROBE_FACTS], scale[DESY_PROBE_FACTS], theta[DESY_PROBE_FACTS + 1];
    const struct desy_fit f = {.world = world, .vectors = table->facts, .stride = DESY_PROBE_FACTS, .first = first, .count = count, .total = table->total,
                               .weights = table->weights, .labels = table->labels, .chosen = table->fitted};
    int rc = DESY_OK;
    DESY_TRY(desy_fit_standardise(&f, 0, DESY_PROBE_FACTS, median, scale));
    for (size_t i = 0; i < count; i++) desy_standardise(table->x + i * DESY_PROBE_FACTS, table->facts + i * DESY_PROBE_FACTS, DESY_PROBE_FACTS, median, scale);
    DESY_TRY(desy_fit_logistic(&f, table->x, DESY_PROBE_FACTS, PENALTY, theta));
    for (size_t i = 0; i < count; i++) {
        mine[i] = table->clips[first + i] == SIZE_MAX ? NAN : theta[DESY_PROBE_FACTS];
        for (size_t d = 0; d < DESY_PROBE_FACTS; d++) mine[i] += theta[d] * table->x[i * DESY_PROBE_FACTS + d];
    }
out:
    return rc;
}

int desy_metadata_probe(desy_world *world, desy_store *store, const struct desy_items *items, const uint64_t *chosen, size_t n, double *logits)
{
    struct table table;
    double *mine = NULL, *all = NULL;
    size_t first = 0, count = 0, total = 0;
    int rc = open_table(&table, items, chosen, n);
    for (size_t i = 0; i < n; i++) logits[i] = NAN;
    DESY_TRY(desy_agree(world, rc));
    if (!table.of_label[0] || !table.of_label[1]) goto out;
    desy_tile_share(table.total, desy_rank(world), desy_size(world), &first, &count);
    rc = read_facts(&table, store, first, count);
    mine = malloc((count + 1) * sizeof *mine);
    if (rc == DESY_OK && !mine) rc = desy_error_memory("the probe on metadata");
    DESY_TRY(desy_agree(world, rc));
    DESY_TRY(fit(world, &table, first, count, mine));
    DESY_TRY(desy_gatherall(world, mine, count, sizeof *mine, (void **)&all, &total));
    for (size_t i = 0; i < n; i++) logits[i] = all[table.fitted + i];
out:
    free(table.clips);
    free(table.weights);
    free(table.labels);
    free(table.facts);
    free(table.x);
    free(mine);
    free(all);
    return rc;
}
