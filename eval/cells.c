#include "eval/cells.h"

#include "base/error.h"
#include "eval/auc_interval.h"

#include <math.h>
#include <stdlib.h>

/* One pass: what was seen so far, from the highest score down. */
struct pass {
    const struct desy_cells_options *options;
    struct desy_cells *cells;
    int64_t *above[2], *tied[2]; /* [label] (columns + 1) */
};

static size_t column_of(const struct pass *pass, const struct desy_ranked *clip)
{
    const size_t last = pass->options->columns[clip->label], column = pass->options->column[clip->label] ? pass->options->column[clip->label][clip->source] : clip->source;
    return column < last ? column : last;
}

static void add_square(int64_t square[2], int64_t value)
{
    const uint64_t squared = (uint64_t)value * (uint64_t)value;
    square[0] += (int64_t)(squared & UINT32_MAX);
    square[1] += (int64_t)(squared >> 32);
}

/* Twice the pairs that a clip of the group ranks right with those of column c of the other class. */
static int64_t right_with(const struct pass *pass, int other, size_t c)
{
    const int64_t tied = pass->tied[other][c], above = pass->above[other][c];
    return other == 0 ? 2 * (pass->cells->n[0][c] - above - tied) + tied : 2 * above + tied;
}

static void count_clip(struct pass *pass, const struct desy_ranked *clip)
{
    struct desy_cells *cells = pass->cells;
    const int label = (int)clip->label, other = 1 - label;
    const size_t column = column_of(pass, clip), all = cells->columns[label], width = cells->columns[0] + 1;
    for (size_t c = 0; c <= cells->columns[other]; c++) {
        const int64_t right = right_with(pass, other, c);
        for (size_t own = column;; own = all) { /* its own column, and that of all */
            struct desy_cell *cell = &cells->cells[label ? own * width + c : c * width + own];
            if (label) cell->twice += right;
            add_square(cell->squares[label], right);
            if (own == all) break;
        }
    }
    cells->of_key[clip->source].n[label]++;
    cells->of_key[clip->source].twice[label] += right_with(pass, other, cells->columns[other]);
}

static void tie(const struct pass *pass, const struct desy_ranked *clip)
{
    const size_t column = column_of(pass, clip), all = pass->options->columns[clip->label];
    pass->tied[clip->label][column]++;
    if (column < all) pass->tied[clip->label][all]++;
}

static void count_groups(struct pass *pass, const struct desy_ranked *sorted, size_t n)
{
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && sorted[to].score == sorted[from].score; to++) tie(pass, &sorted[to]);
        for (size_t i = from; i < to; i++) count_clip(pass, &sorted[i]);
        for (int label = 0; label < 2; label++)
            for (size_t c = 0; c <= pass->options->columns[label]; c++) {
                pass->above[label][c] += pass->tied[label][c];
                pass->tied[label][c] = 0;
            }
    }
}

/* Clips by column: over all ranks, and on those above. */
static int count_columns(desy_world *world, struct pass *pass, const struct desy_ranked *sorted, size_t n)
{
    struct desy_cells *cells = pass->cells;
    const size_t split = cells->columns[0] + 1, width = split + cells->columns[1] + 1;
    int64_t *mine = calloc(width, sizeof *mine), *all = NULL;
    size_t total = 0;
    int rc = desy_agree(world, mine ? DESY_OK : desy_error_memory("clips by column"));
    DESY_TRY(rc);
    for (size_t i = 0; i < n; i++) {
        const size_t column = column_of(pass, &sorted[i]), last = cells->columns[sorted[i].label], offset = sorted[i].label ? split : 0;
        mine[offset + column]++;
        if (column < last) mine[offset + last]++;
    }
    DESY_TRY(desy_gatherall(world, mine, width, sizeof *mine, (void **)&all, &total));
    for (size_t i = 0; i < total; i++) {
        const int label = i % width >= split;
        const size_t column = i % width - (label ? split : 0);
        cells->n[label][column] += all[i];
        if (i / width < (size_t)desy_rank(world)) pass->above[label][column] += all[i];
    }
out:
    free(mine);
    free(all);
    return rc;
}

static int open_room(struct pass *pass)
{
    const struct desy_cells_options *options = pass->options;
    struct desy_cells *cells = pass->cells;
    cells->of_key = calloc(options->keys + 1, sizeof *cells->of_key);
    cells->cells = calloc((options->columns[0] + 1) * (options->columns[1] + 1), sizeof *cells->cells);
    bool ok = cells->of_key && cells->cells;
    for (int label = 0; label < 2; label++) {
        cells->n[label] = calloc(options->columns[label] + 1, sizeof *cells->n[label]);
        pass->above[label] = calloc(options->columns[label] + 1, sizeof *pass->above[label]);
        pass->tied[label] = calloc(options->columns[label] + 1, sizeof *pass->tied[label]);
        ok = ok && cells->n[label] && pass->above[label] && pass->tied[label];
    }
    return ok ? DESY_OK : desy_error_memory("areas by source");
}

int desy_cells_open(desy_world *world, const struct desy_ranked *mine, size_t n, const struct desy_cells_options *options, struct desy_cells *cells)
{
    struct pass pass = {.options = options, .cells = cells};
    struct desy_ranked *sorted = NULL;
    size_t count = 0;
    *cells = (struct desy_cells){.keys = options->keys, .columns = {options->columns[0], options->columns[1]}};
    int rc = desy_agree(world, open_room(&pass));
    DESY_TRY(rc);
    DESY_TRY(desy_sort_scores(world, mine, n, &sorted, &count));
    DESY_TRY(count_columns(world, &pass, sorted, count));
    count_groups(&pass, sorted, count);
    desy_sum_i64(world, (int64_t *)cells->cells, (options->columns[0] + 1) * (options->columns[1] + 1) * (sizeof *cells->cells / sizeof(int64_t)));
    desy_sum_i64(world, (int64_t *)cells->of_key, (options->keys + 1) * (sizeof *cells->of_key / sizeof(int64_t)));
out:
    for (int label = 0; label < 2; label++) {
        free(pass.above[label]);
        free(pass.tied[label]);
    }
    free(sorted);
    return rc;
}

void desy_cells_close(struct desy_cells *cells)
{
    free(cells->of_key);
    free(cells->n[0]);
    free(cells->n[1]);
    free(cells->cells);
    *cells = (struct desy_cells){0};
}

/* Variance of the mean of n placements, whose sum and squares are of twice the pairs with `others` clips. */
static double placement_variance(const struct desy_cell *cell, int label, int64_t n, int64_t others)
{
    if (n < 2) return 0;
    const __int128 squares = ((__int128)cell->squares[label][1] << 32) + cell->squares[label][0], apart = n * squares - (__int128)cell->twice * cell->twice;
    const double scale = 2. * (double)others;
    return (double)apart / (double)n / (double)(n - 1) / (double)n / (scale * scale);
}

bool desy_cells_auc(const struct desy_cells *cells, size_t ai, size_t real, struct desy_auc *auc)
{
    const int64_t pos = cells->n[1][ai], neg = cells->n[0][real];
    const struct desy_cell *cell = &cells->cells[ai * (cells->columns[0] + 1) + real];
    if (pos == 0 || neg == 0) return false;
    *auc = (struct desy_auc){.pos = pos, .neg = neg, .auc = (double)cell->twice / (2. * (double)pos * (double)neg)};
    const double variance = pos < DESY_FEW || neg < DESY_FEW ? 0 : placement_variance(cell, 1, pos, neg) + placement_variance(cell, 0, neg, pos);
    desy_auc_interval(auc->auc, variance, pos, neg, auc->interval, &auc->method);
    return true;
}

double desy_cells_key_area(const struct desy_cells *cells, size_t key, int label)
{
    const int64_t own = cells->of_key[key].n[label], others = cells->n[1 - label][cells->columns[1 - label]];
    return own > 0 && others > 0 ? (double)cells->of_key[key].twice[label] / (2. * (double)own * (double)others) : NAN;
}

bool desy_cells_key_auc(const struct desy_cells *cells, size_t key, int label, struct desy_auc *auc)
{
    const int64_t own = cells->of_key[key].n[label], others = cells->n[1 - label][cells->columns[1 - label]];
    *auc = (struct desy_auc){.pos = label ? own : others, .neg = label ? others : own, .auc = desy_cells_key_area(cells, key, label)};
    if (isnan(auc->auc)) return false;
    desy_auc_interval(auc->auc, 0, auc->pos, auc->neg, auc->interval, &auc->method);
    return true;
}
