#include "stages/lodo.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "eval/lodo.h"
#include "mpi/progress.h"
#include "train/lodo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS = 4, NEIGHBOURS = 3, HALVES = 8 };

struct source {
    char *name;
    int label;
    size_t clips;
    int group; /* of a real one */
};

struct lodo {
    desy_world *world, *alone; /* of all ranks; of this one, that fits its cells by itself */
    const char *path;     /* of the store */
    desy_store *store;
    struct desy_items items;
    struct desy_training_set set;
    struct desy_train_options options;
    size_t n;             /* labelled items that could be read */
    size_t *item_of_row;  /* (rows): n for those of others */
    uint8_t *labels;      /* (n) */
    size_t *source_of;    /* (n) */
    uint64_t *packaging;  /* (n) */
    char **paths;         /* (n) */
    struct source *sources;
    size_t n_sources;
    struct desy_probes probes;
    double *stall[GROUPS]; /* (rows): by the real sources outside the group; NULL: of no cell of this rank */
    int cells, views, first_cell, my_cells;
    size_t *generators;   /* (cells / GROUPS): numbers of sources */
    double *mine;         /* (my_cells, DESY_LODO_KINDS, views, n) */
    double *thresholds;   /* (my_cells) */
};

static void close_lodo(struct lodo *l)
{
    for (size_t s = 0; s < l->n_sources; s++) free(l->sources[s].name);
    free(l->sources);
    free(l->item_of_row);
    free(l->labels);
    free(l->source_of);
    free(l->packaging);
    for (size_t i = 0; l->paths && i < l->items.count; i++) free(l->paths[i]);
    free(l->paths);
    for (int g = 0; g < GROUPS; g++) free(l->stall[g]);
    desy_probes_close(&l->probes);
    free(l->generators);
    free(l->mine);
    free(l->thresholds);
    desy_training_set_close(&l->set);
    desy_items_close(&l->items);
    desy_store_close(&l->store);
    desy_world_close(&l->alone);
}

/* ---- what is left out with what ---- */

static int find_source(struct lodo *l, const char *name, int label, size_t *found)
{
    for (*found = 0; *found < l->n_sources; ++*found)
        if (l->sources[*found].label == label && strcmp(l->sources[*found].name, name) == 0) return DESY_OK;
    struct source *more = realloc(l->sources, (l->n_sources + 1) * sizeof *more);
    if (!more) return desy_error_memory("sources");
    l->sources = more;
    l->sources[l->n_sources] = (struct source){.name = strdup(name), .label = label};
    return l->sources[l->n_sources++].name ? DESY_OK : desy_error_memory("sources");
}

/* Equal for clips that a look at the container does not tell apart. */
static uint64_t packaging_of(const struct desy_store_row *row)
{
    char text[256];
    const int n = snprintf(text, sizeof text, "%s %s %s %.0f %.0f", row->codec, row->container, row->muxer, 10 * row->fps, row->duration);
    return desy_hash64(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

/* The clips of item i of the store, whose first one that could be read makes it item n here. */
static int take_item(struct lodo *l, size_t i)
{
    const int label = l->items.split[i].label;
    bool taken = false;
    int rc = DESY_OK;
    for (size_t c = l->items.first[i]; rc == DESY_OK && c < l->items.first[i + 1]; c++) {
        const struct desy_item_clip *clip = &l->items.clips[c];
        struct desy_store_row row = {0};
        if (clip->row < 0) continue;
        DESY_TRY(desy_store_read_rows(l->store, c, 1, &row));
        if (clip->view + 1 > l->views) l->views = clip->view + 1;
        if (label >= 0) l->item_of_row[clip->row] = l->n;
        if (label >= 0 && !taken) {
            taken = true;
            l->labels[l->n] = (uint8_t)label;
            l->packaging[l->n] = packaging_of(&row);
            l->paths[l->n] = row.video_path;
            row.video_path = NULL;
            rc = find_source(l, row.source ? row.source : "", label, &l->source_of[l->n]);
            if (rc == DESY_OK) l->sources[l->source_of[l->n]].clips++;
        }
        desy_store_row_free(&row);
    }
    l->n += rc == DESY_OK && taken;
out:
    return rc;
}

static int by_clips_then_name(const void *a, const void *b)
{
    const struct source *const *x = a, *const *y = b;
    if ((*x)->clips != (*y)->clips) return (*x)->clips < (*y)->clips ? 1 : -1;
    return strcmp((*x)->name, (*y)->name);
}

/* Real sources by clip count, then name; each goes to the group with the fewest clips. */
static int partition(struct lodo *l)
{
    size_t reals = 0, generators = 0, sizes[GROUPS] = {0};
    struct source **order = malloc((l->n_sources + 1) * sizeof *order);
    l->generators = malloc((l->n_sources + 1) * sizeof *l->generators);
    if (!order || !l->generators) {
        free(order);
        return desy_error_memory("groups of sources");
    }
    for (size_t s = 0; s < l->n_sources; s++) {
        if (l->sources[s].label) l->generators[generators++] = s;
        else order[reals++] = &l->sources[s];
    }
    qsort(order, reals, sizeof *order, by_clips_then_name);
    for (size_t r = 0; r < reals; r++) {
        int least = 0;
        for (int g = 1; g < GROUPS; g++)
            if (sizes[g] < sizes[least]) least = g;
        order[r]->group = least;
        sizes[least] += order[r]->clips;
    }
    free(order);
    l->cells = (int)generators * GROUPS;
    if (generators < 2 || reals < GROUPS)
        return desy_error(DESY_EDATA, "%zu AI-generated and %zu real sources: the protocol lodo leaves sources out, and needs at least 2 and %d (member `source` of the data set)", generators, reals, GROUPS);
    return DESY_OK;
}

static int open_lodo(struct lodo *l, const char *path)
{
    int rc;
    DESY_TRY(desy_world_open_alone(&l->alone));
    DESY_TRY(desy_store_open(&l->store, path));
    DESY_TRY(desy_items_read(l->alone, l->store, l->options.seed, false, &l->items));
    const size_t rows = desy_store_rows(l->store);
    l->item_of_row = malloc((rows + 1) * sizeof *l->item_of_row);
    l->labels = malloc(l->items.count + 1);
    l->source_of = malloc((l->items.count + 1) * sizeof *l->source_of);
    l->packaging = malloc((l->items.count + 1) * sizeof *l->packaging);
    l->paths = calloc(l->items.count + 1, sizeof *l->paths);
    if (!l->item_of_row || !l->labels || !l->source_of || !l->packaging || !l->paths) DESY_TRY(desy_error_memory("the items of a protocol"));
    for (size_t r = 0; r < rows; r++) l->item_of_row[r] = SIZE_MAX;
    for (size_t i = 0; i < l->items.count; i++) DESY_TRY(take_item(l, i));
    DESY_TRY(partition(l));
    DESY_TRY(desy_training_set_read(&l->set, l->alone, l->store, &l->items, l->options.seed, NULL));
    DESY_TRY(desy_probes_read(&l->probes, l->store, &l->set, &l->items));
    const int ranks = desy_size(l->world), rank = desy_rank(l->world);
    l->first_cell = (int)((int64_t)l->cells * rank / ranks);
    l->my_cells = (int)((int64_t)l->cells * (rank + 1) / ranks) - l->first_cell;
    l->mine = malloc(((size_t)l->my_cells * DESY_LODO_KINDS * (size_t)l->views * l->n + 1) * sizeof *l->mine);
    l->thresholds = malloc(((size_t)l->my_cells + 1) * sizeof *l->thresholds);
    if (!l->mine || !l->thresholds) DESY_TRY(desy_error_memory("scores"));
out:
    return rc;
}

/* ---- the cells ---- */

static bool is_left_out(const struct lodo *l, size_t source, int cell)
{
    const struct source *s = &l->sources[source];
    return s->label ? l->generators[cell / GROUPS] == source : s->group == cell % GROUPS;
}

/* scores (kinds, views, n): means over the windows of a view; NaN where nothing was left out. */
static int keep_scores(const struct lodo *l, int cell, const double *of_rows, double *scores)
{
    const size_t size = (size_t)DESY_LODO_KINDS * (size_t)l->views * l->n;
    int *count = calloc((size_t)l->views * l->n + 1, sizeof *count);
    if (!count) return desy_error_memory("scores");
    for (size_t i = 0; i < size; i++) scores[i] = NAN;
    for (size_t r = 0; r < l->set.total; r++) {
        const size_t i = l->item_of_row[r];
        if (i >= l->n || !is_left_out(l, l->source_of[i], cell)) continue;
        const size_t at = (size_t)l->set.augmented[r] * l->n + i;
        const int before = count[at]++;
        for (size_t k = 0; k < DESY_LODO_KINDS; k++) {
            double *score = &scores[k * (size_t)l->views * l->n + at];
            const double value = of_rows[r * DESY_LODO_KINDS + k];
            if (k == DESY_LODO_METADATA && l->set.augmented[r]) continue; /* a view's metadata are not its video's */
            *score = before == 0 ? value : (*score * before + value) / (before + 1);
        }
    }
    free(count);
    return DESY_OK;
}

/* It knows no AI-generated clip, and is the same for all cells of a group. */
static int fit_stall(struct lodo *l, int group)
{
    if (l->stall[group]) return DESY_OK;
    l->stall[group] = malloc((l->set.total + 1) * sizeof *l->stall[group]);
    return l->stall[group] ? desy_probe_stall(&l->probes, l->store, &l->set, l->stall[group]) : desy_error_memory("STALL");
}

static int fit_cell(struct lodo *l, int cell)
{
    double *of_rows = malloc((l->set.total + 1) * DESY_LODO_KINDS * sizeof *of_rows);
    int rc = of_rows ? DESY_OK : desy_error_memory("scores");
    for (size_t r = 0; rc == DESY_OK && r < l->set.total; r++) {
        const size_t i = l->item_of_row[r];
        l->set.items[r].part = i >= l->n ? DESY_SPLIT_NONE : is_left_out(l, l->source_of[i], cell) ? DESY_SPLIT_TEST : DESY_SPLIT_TRAIN;
    }
    if (rc == DESY_OK) rc = fit_stall(l, cell % GROUPS);
    if (rc == DESY_OK) rc = desy_lodo_fit(&l->set, &l->probes, l->stall[cell % GROUPS], &l->options, of_rows, &l->thresholds[cell - l->first_cell]);
    if (rc == DESY_OK) rc = keep_scores(l, cell, of_rows, l->mine + (size_t)(cell - l->first_cell) * DESY_LODO_KINDS * (size_t)l->views * l->n);
    free(of_rows);
    return rc;
}

/* half[s] of each real source, 0 or 1: every other one of them in a random order. */
static void draw_halves(const struct lodo *l, uint64_t stream, uint32_t *order, int *half)
{
    size_t n = 0;
    desy_random_permutation(l->options.seed, stream, l->n_sources, order);
    for (size_t k = 0; k < l->n_sources; k++)
        if (l->sources[order[k]].label == 0) half[order[k]] = (int)(n++ % 2);
}

/* Real clips alone, half of their sources called AI-generated, folds by clip: how well the heads know collections again. Changes l->set for good. */
static int tell_real_halves(struct lodo *l, double areas[HALVES])
{
    uint32_t *order = malloc((l->n_sources + 1) * sizeof *order);
    int *half = malloc((l->n_sources + 1) * sizeof *half), rc = order && half ? DESY_OK : desy_error_memory("a control");
    for (int h = desy_rank(l->world); rc == DESY_OK && h < HALVES; h += desy_size(l->world)) {
        draw_halves(l, (uint64_t)(1000 + h), order, half);
        for (size_t r = 0; r < l->set.total; r++) {
            struct desy_split_item *item = &l->set.items[r];
            const size_t i = l->item_of_row[r];
            const bool real = i < l->n && l->labels[i] == 0;
            item->part = real ? DESY_SPLIT_TRAIN : DESY_SPLIT_NONE;
            item->label = real ? half[l->source_of[i]] : -1;
            item->source = 0; /* one source: folds go by group */
        }
        rc = desy_lodo_real_against_real(&l->set, &l->options, &areas[h]);
    }
    free(order);
    free(half);
    return rc;
}

/* neighbours (n, NEIGHBOURS): of AI-generated clips, real ones by the distance of their mean embeddings; n: none. */
static void find_neighbours(const struct lodo *l, size_t *neighbours)
{
    const size_t width = (size_t)desy_pool_width(&l->set.layout), dims = (size_t)l->set.layout.encoder;
    for (size_t i = 0; i < l->n * NEIGHBOURS; i++) neighbours[i] = l->n;
    for (size_t r = 0; r < l->set.total; r++) {
        const size_t i = l->item_of_row[r];
        double best[NEIGHBOURS];
        if (i >= l->n || !l->labels[i] || l->set.augmented[r] || neighbours[i * NEIGHBOURS] < l->n) continue;
        for (int k = 0; k < NEIGHBOURS; k++) best[k] = INFINITY;
        for (size_t s = 0; s < l->set.total; s++) {
            const size_t j = l->item_of_row[s];
            if (j >= l->n || l->labels[j] || l->set.augmented[s] || (s > 0 && l->item_of_row[s - 1] == j)) continue;
            double distance = 0;
            size_t who = j;
            for (size_t d = 0; d < dims; d++) {
                const double step = l->set.vectors[r * width + d] - l->set.vectors[s * width + d];
                distance += step * step;
            }
            for (int k = 0; k < NEIGHBOURS; k++)
                if (distance < best[k]) {
                    const double farther = best[k];
                    const size_t other = neighbours[i * NEIGHBOURS + (size_t)k];
                    best[k] = distance, neighbours[i * NEIGHBOURS + (size_t)k] = who;
                    distance = farther, who = other;
                }
        }
    }
}

/* ---- together ---- */

/* From (cells, kinds, views, n) to (kinds, views, cells, n). */
static void transpose(double *to, const double *from, int cells, int views, size_t n)
{
    for (int c = 0; c < cells; c++)
        for (int k = 0; k < DESY_LODO_KINDS; k++)
            for (int v = 0; v < views; v++)
                memcpy(to + (((size_t)k * (size_t)views + (size_t)v) * (size_t)cells + (size_t)c) * n, from + (((size_t)c * DESY_LODO_KINDS + (size_t)k) * (size_t)views + (size_t)v) * n, n * sizeof *to);
}

/* Rank 0. all (cells, kinds, views, n). */
static int write_figures(struct desy_invocation *invocation, const struct lodo *l, const double *all, const double *thresholds, const double areas[HALVES], const char *directory)
{
    const size_t size = (size_t)l->cells * DESY_LODO_KINDS * (size_t)l->views * l->n;
    double *scores = malloc((size + 1) * sizeof *scores);
    size_t *neighbours = malloc((l->n * NEIGHBOURS + 1) * sizeof *neighbours);
    const char **names = malloc((l->n_sources + 1) * sizeof *names), *kind_names[DESY_LODO_KINDS];
    char kinds[DESY_LODO_KINDS][24], *path = desy_path_join(directory, "lodo.json"), *folds = desy_path_join(directory, "folds.csv"), *table = NULL, *index = desy_path_join(l->path, "index.h5"), sha256[DESY_SHA256_HEX], index_sha256[DESY_SHA256_HEX];
    cJSON *json = NULL;
    int rc = scores && neighbours && names && path && folds && index ? desy_make_directory(directory) : desy_error_memory("figures");
    DESY_TRY(rc);
    transpose(scores, all, l->cells, l->views, l->n);
    find_neighbours(l, neighbours);
    for (size_t s = 0; s < l->n_sources; s++) names[s] = l->sources[s].name;
    for (int k = 0; k < DESY_LODO_KINDS; k++) desy_lodo_kind_name(kinds[k], k), kind_names[k] = kinds[k];
    const struct desy_lodo lodo = {.alone = l->alone, .items = l->n, .labels = l->labels, .paths = (const char *const *)l->paths, .sources = l->source_of, .names = names, .n_sources = l->n_sources, .cells = l->cells, .views = l->views,
        .kinds = kind_names, .n_kinds = DESY_LODO_KINDS, .metadata = DESY_LODO_METADATA, .scores = scores, .thresholds = thresholds, .packaging = l->packaging, .neighbours = neighbours,
        .n_neighbours = NEIGHBOURS, .real_against_real = areas, .n_halves = HALVES, .seed = l->options.seed};
    DESY_TRY(desy_lodo_write_folds(&lodo, folds));
    DESY_TRY(desy_lodo_figures(&lodo, &json));
    DESY_TRY(desy_store_content_sha256(l->store, sha256));
    DESY_TRY(desy_sha256_file(index_sha256, index));
    if (!cJSON_AddStringToObject(json, "protocol", "lodo") || !cJSON_AddStringToObject(json, "content_sha256", sha256) || !cJSON_AddStringToObject(json, "index_sha256", index_sha256) || !cJSON_AddStringToObject(json, "desy", DESY_VERSION))
        DESY_TRY(desy_error_memory("figures"));
    DESY_TRY(desy_json_write(json, path));
    DESY_TRY(desy_lodo_table(json, &table));
    if (invocation->json) DESY_TRY(desy_json_print(json, false, "lodo.json"));
    else if (!invocation->quiet && fputs(table, stdout) < 0) DESY_TRY(desy_error(DESY_EENV, "stdout can't be written"));
    desy_log_info("eval: the figures are in %s", path);
out:
    cJSON_Delete(json);
    free(scores);
    free(neighbours);
    free(names);
    free(path);
    free(folds);
    free(index);
    free(table);
    return rc;
}

int desy_lodo_stage(struct desy_invocation *invocation, const char *store, const char *directory, double most_false_alarms)
{
    desy_world *world = invocation->world;
    struct lodo l = {.world = world, .path = store, .views = 1, .options = {.seed = invocation->seed, .level = DESY_TRAIN_ALL, .size = DESY_SIZE_SMALL, .most_false_alarms = most_false_alarms, .device = "cpu"}};
    double areas[HALVES] = {0}, *others = NULL;
    void *all = NULL, *thresholds = NULL;
    size_t total;
    int rc = desy_agree(world, open_lodo(&l, store));
    for (int c = 0; rc == DESY_OK && c < l.my_cells; c++) {
        rc = fit_cell(&l, l.first_cell + c);
        if (rc == DESY_OK && desy_rank(world) == 0) desy_log_info("eval: %d of %d models on this rank", c + 1, l.my_cells);
    }
    if (rc == DESY_OK) rc = tell_real_halves(&l, areas);
    DESY_TRY(desy_agree(world, rc));
    const size_t of_cell = (size_t)DESY_LODO_KINDS * (size_t)l.views * l.n;
    DESY_TRY(desy_gather(world, l.mine, (size_t)l.my_cells, of_cell * sizeof *l.mine, &all, &total));
    DESY_TRY(desy_gather(world, l.thresholds, (size_t)l.my_cells, sizeof *l.thresholds, &thresholds, &total));
    DESY_TRY(desy_gather(world, areas, HALVES, sizeof *areas, (void **)&others, &total));
    for (size_t i = HALVES; others && i < total; i++) others[i % HALVES] += others[i]; /* each of one rank, 0 elsewhere */
    rc = desy_agree(world, desy_rank(world) == 0 ? write_figures(invocation, &l, all, thresholds, others, directory) : DESY_OK);
out:
    free(all);
    free(thresholds);
    free(others);
    close_lodo(&l);
    return rc;
}
