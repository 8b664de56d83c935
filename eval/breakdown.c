#include "eval/breakdown.h"

#include "base/error.h"
#include "eval/breakdown_table.h"

#include <math.h>
#include <stdlib.h>

bool desy_breakdown_source_auc(const struct desy_breakdown *b, size_t source, int label, struct desy_auc *auc)
{
    const size_t column = b->column[label][source], all = b->cells.columns[1 - label];
    if (column >= b->n_listed[label]) return desy_cells_key_auc(&b->cells, source, label, auc);
    return label ? desy_cells_auc(&b->cells, column, all, auc) : desy_cells_auc(&b->cells, all, column, auc);
}

bool desy_breakdown_is_inverted(const struct desy_auc *auc) { return auc->interval[1] < .5; }

/* The largest sources of a label, and to which column each belongs. */
static void choose_columns(struct desy_breakdown *b, const struct desy_evaluated *evaluated, int label, uint32_t *column)
{
    const size_t n = desy_evaluated_largest(evaluated, b->counts, label, 1, DESY_BREAKDOWN_MOST, b->listed[label]);
    b->n_listed[label] = n;
    for (size_t s = 0; s <= b->sources->n; s++) {
        column[s] = (uint32_t)n;
        b->n_sources[label] += s < b->sources->n && b->counts[2 * s + (size_t)label] > 0;
    }
    for (size_t c = 0; c < n; c++) column[b->listed[label][c]] = (uint32_t)c;
    b->column[label] = column;
}

int desy_breakdown_add(desy_world *world, const struct desy_evaluated *evaluated, const struct desy_report_options *options, cJSON *json)
{
    const size_t n = evaluated->sources.n + 1;
    struct desy_breakdown b = {.sources = &evaluated->sources};
    int64_t *counts = NULL;
    uint32_t *columns = NULL;
    int rc = DESY_OK;
    if (evaluated->sources.n == 0) return DESY_OK;
    counts = calloc(4 * n, sizeof *counts);
    columns = calloc(2 * n, sizeof *columns);
    rc = desy_agree(world, counts && columns ? DESY_OK : desy_error_memory("the breakdown by source"));
    DESY_TRY(rc);
    desy_evaluated_count(world, evaluated, -INFINITY, counts);
    desy_evaluated_count(world, evaluated, options->threshold, counts + 2 * n);
    b.counts = counts, b.called = counts + 2 * n;
    for (int label = 0; label < 2; label++) choose_columns(&b, evaluated, label, columns + (size_t)label * n);
    const struct desy_cells_options matrix = {n - 1, {b.column[0], b.column[1]}, {b.n_listed[0], b.n_listed[1]}};
    DESY_TRY(desy_cells_open(world, evaluated->clips, evaluated->n, &matrix, &b.cells));
    if (desy_rank(world) == 0) {
        rc = desy_breakdown_json(&b, json);
        if (rc == DESY_OK) rc = desy_breakdown_csv(&b, options->directory);
    }
    rc = desy_agree(world, rc);
out:
    desy_cells_close(&b.cells);
    free(counts);
    free(columns);
    return rc;
}
