#include "eval/match.h"

#include "base/error.h"
#include "base/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A row on its way to the rank that sees all rows of its id. Two ids with one hash would be an id twice: once in 37 million tables of a million rows. */
struct card {
    uint64_t id;
    uint64_t row; /* over all ranks */
    double score;
    int32_t label, rank, local, table;
};

/* What is wrong with a row; the least one is told of. */
struct fault { int64_t kind, row; };
enum { FINE, ALONE, TWICE, LABEL };

static int by_id(const void *left, const void *right)
{
    const struct card *a = left, *b = right;
    if (a->id != b->id) return a->id < b->id ? -1 : 1;
    if (a->table != b->table) return a->table - b->table;
    return (a->row > b->row) - (a->row < b->row);
}

static int by_rank(const void *left, const void *right)
{
    const struct card *a = left, *b = right;
    return a->rank != b->rank ? a->rank - b->rank : a->local - b->local;
}

/* Deals this rank's rows of both tables to the ranks, by id. first: rows on the ranks below, of each table. */
static int deal(desy_world *world, const struct desy_scores *const tables[2], const int64_t first[2], struct card **cards, size_t *n)
{
    const size_t size = (size_t)desy_size(world), all = tables[0]->n + tables[1]->n;
    size_t *counts = calloc(size, sizeof *counts), *at = calloc(size + 1, sizeof *at);
    struct card *mine = malloc((all + 1) * sizeof *mine), *dealt = malloc((all + 1) * sizeof *dealt);
    int rc = desy_agree(world, counts && at && mine && dealt ? DESY_OK : desy_error_memory("rows to match"));
    if (rc != DESY_OK) goto out;
    size_t k = 0;
    for (int t = 0; t < 2; t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            const struct desy_score_row row = desy_scores_row(tables[t], i);
            mine[k] = (struct card){desy_hash64(row.id, strlen(row.id)), (uint64_t)first[t] + i, row.score, row.label, desy_rank(world), (int32_t)i, t};
            counts[mine[k++].id % size]++;
        }
    for (size_t r = 0; r < size; r++) at[r + 1] = at[r] + counts[r];
    for (size_t i = 0; i < all; i++) dealt[at[mine[i].id % size]++] = mine[i];
    rc = desy_exchange(world, dealt, counts, sizeof *dealt, (void **)cards, n);
out:
    free(counts);
    free(at);
    free(mine);
    free(dealt);
    return rc;
}

static void blame(struct fault faults[2], int64_t alone[2], const struct card *card, int64_t kind)
{
    struct fault *fault = &faults[card->table];
    if (kind == ALONE) alone[card->table]++;
    if (fault->kind == FINE || (int64_t)card->row < fault->row) *fault = (struct fault){kind, (int64_t)card->row};
}

/* Cards of one id are neighbours. Those of the first table get the score of the second, and stay. */
static size_t join(struct card *cards, size_t n, struct fault faults[2], int64_t alone[2])
{
    size_t kept = 0;
    qsort(cards, n, sizeof *cards, by_id);
    for (size_t i = 0; i < n; i++) {
        struct card *card = &cards[i];
        const bool follows = i > 0 && cards[i - 1].id == card->id, leads = i + 1 < n && cards[i + 1].id == card->id;
        if (follows && cards[i - 1].table == card->table) blame(faults, alone, card, TWICE);
        else if (!follows && !leads) blame(faults, alone, card, ALONE);
        else if (leads && cards[i + 1].table != card->table && cards[i + 1].label != card->label) blame(faults, alone, card, LABEL);
        if (card->table == 0 && leads) card->score = cards[i + 1].score;
    }
    for (size_t i = 0; i < n; i++)
        if (cards[i].table == 0) cards[kept++] = cards[i];
    qsort(cards, kept, sizeof *cards, by_rank);
    return kept;
}

/* The least fault of all ranks, told of by the rank that has the row. */
static int tell(desy_world *world, const struct desy_scores *const tables[2], const char *const names[2], const int64_t first[2], const struct fault faults[2], int64_t alone[2])
{
    struct fault *all = NULL;
    size_t n = 0;
    int rc = DESY_OK, table = -1;
    struct fault worst = {0};
    desy_sum_i64(world, alone, 2);
    DESY_TRY(desy_gatherall(world, faults, 2, sizeof *faults, (void **)&all, &n));
    for (size_t i = 0; i < n; i++)
        if (all[i].kind != FINE && (table < 0 || (int)(i % 2) < table || ((int)(i % 2) == table && all[i].row < worst.row))) worst = all[i], table = (int)(i % 2);
    if (table < 0) goto out;
    if (worst.row >= first[table] && worst.row < first[table] + (int64_t)tables[table]->n) {
        const char *id = desy_scores_row(tables[table], (size_t)(worst.row - first[table])).id, *name = names[table], *other = names[1 - table];
        rc = worst.kind == ALONE ? desy_error(DESY_EDATA, "%lld ids of %s are not in %s, the first is %.200s (and %lld of %s not in %s): compare scores of the same clips", (long long)alone[table], name, other, id,
                                              (long long)alone[1 - table], other, name)
             : worst.kind == TWICE ? desy_error(DESY_EDATA, "%s has the id %.200s twice: clips can't be matched", name, id)
                                   : desy_error(DESY_EDATA, "the label of %.200s is not the same in %s and %s", id, name, other);
    }
    rc = desy_agree(world, rc);
out:
    free(all);
    return rc;
}

/* The cards of the first table go home. */
static int return_cards(desy_world *world, const struct card *cards, size_t n, double *other)
{
    size_t *counts = calloc((size_t)desy_size(world), sizeof *counts), back = 0;
    struct card *mine = NULL;
    int rc = desy_agree(world, counts ? DESY_OK : desy_error_memory("matched rows"));
    for (size_t i = 0; rc == DESY_OK && i < n; i++) counts[cards[i].rank]++;
    if (rc == DESY_OK) rc = desy_exchange(world, cards, counts, sizeof *cards, (void **)&mine, &back);
    for (size_t i = 0; rc == DESY_OK && i < back; i++) other[mine[i].local] = mine[i].score;
    free(counts);
    free(mine);
    return rc;
}

int desy_match(desy_world *world, const struct desy_scores *scores, const char *name, const struct desy_scores *rival, const char *rival_name, double *other)
{
    const struct desy_scores *const tables[2] = {scores, rival};
    const int64_t first[2] = {desy_prefix_i64(world, (int64_t)scores->n), desy_prefix_i64(world, (int64_t)rival->n)};
    struct card *cards = NULL;
    struct fault faults[2] = {0};
    int64_t alone[2] = {0};
    size_t n = 0;
    int rc;
    DESY_TRY(deal(world, tables, first, &cards, &n));
    n = join(cards, n, faults, alone);
    DESY_TRY(tell(world, tables, (const char *const[]){name, rival_name}, first, faults, alone));
    DESY_TRY(return_cards(world, cards, n, other));
out:
    free(cards);
    return rc;
}
