#include "stages/known.h"

#include "base/error.h"
#include "base/json.h"
#include "eval/figures.h"
#include "eval/scores.h"
#include "train/copies.h"
#include "train/items.h"
#include "train/metadata_probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTED = 20 }; /* pairs of copies */

/* The evaluated items; rows first..first + count - 1 are this rank's. */
struct chosen {
    desy_world *world;
    desy_store *store;
    const struct desy_items *items;
    const uint64_t *of;
    size_t n;
    uint64_t first, count;
};

/* ---- strata ---- */

enum { DURATION, RESOLUTION, CODEC };
enum { CODECS = 30, NAME = 32 };

static const char *const durations[] = {"under 2 s", "2 to 5 s", "5 to 10 s", "10 to 30 s", "30 s and more"};
static const double duration_ends[] = {2, 5, 10, 30};
static const char *const sides[] = {"shorter side under 240", "240 to 479", "480 to 719", "720 to 1079", "1080 and more"};
static const double side_ends[] = {240, 480, 720, 1080};

static uint32_t bin_of(double value, const double *ends)
{
    uint32_t bin = 0;
    while (bin < 4 && value >= ends[bin]) bin++;
    return bin;
}

static int name_values(struct desy_attribute *attribute, const char *name, const char *const *values, size_t n)
{
    attribute->name = name;
    attribute->values = calloc(n + 1, sizeof *attribute->values);
    for (; attribute->values && attribute->n < n; attribute->n++)
        if (!(attribute->values[attribute->n] = strdup(values[attribute->n]))) break;
    return attribute->n == n && attribute->values ? DESY_OK : desy_error_memory("strata");
}

static int by_name(const void *a, const void *b) { return strncmp(a, b, NAME); }

static size_t distinct(char (*names)[NAME], size_t n)
{
    size_t kept = 0;
    qsort(names, n, NAME, by_name);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || strncmp(names[kept - 1], names[i], NAME) != 0) memmove(names[kept++], names[i], NAME);
    return kept;
}

/* codecs (count): of this rank's rows. The first 30 names over all ranks. */
static int name_codecs(const struct chosen *c, struct desy_attribute *attribute, char (*codecs)[NAME])
{
    char (*mine)[NAME] = malloc((c->count + 1) * NAME), (*all)[NAME] = NULL;
    const char *values[CODECS];
    size_t total = 0, n = 0;
    int rc = desy_agree(c->world, mine ? DESY_OK : desy_error_memory("names of codecs"));
    DESY_TRY(rc);
    memcpy(mine, codecs, c->count * NAME);
    DESY_TRY(desy_gatherall(c->world, mine, distinct(mine, c->count), NAME, (void **)&all, &total));
    total = distinct(all, total);
    for (size_t i = 0; i < total && n < CODECS; i++)
        if (all[i][0]) values[n++] = all[i];
    rc = name_values(attribute, "codec", values, n);
    for (size_t i = 0; rc == DESY_OK && i < c->count; i++) {
        attribute->of[i] = (uint32_t)n;
        for (size_t v = 0; v < n; v++)
            if (strncmp(values[v], codecs[i], NAME) == 0) attribute->of[i] = (uint32_t)v;
    }
    rc = desy_agree(c->world, rc);
out:
    free(mine);
    free(all);
    return rc;
}

static int read_row(const struct chosen *c, size_t i, struct desy_known *known, char codec[NAME])
{
    struct desy_store_row row = {0};
    const size_t clip = desy_item_first_clip(c->items, c->of[c->first + i]);
    for (int a = 0; a < CODEC; a++) known->attributes[a].of[i] = (uint32_t)known->attributes[a].n;
    if (clip == SIZE_MAX) return DESY_OK;
    const int rc = desy_store_read_rows(c->store, clip, 1, &row);
    if (rc == DESY_OK) {
        snprintf(codec, NAME, "%s", row.codec);
        known->attributes[DURATION].of[i] = bin_of(row.duration, duration_ends);
        known->attributes[RESOLUTION].of[i] = bin_of(row.width < row.height ? row.width : row.height, side_ends);
    }
    desy_store_row_free(&row);
    return rc;
}

static int read_strata(const struct chosen *c, struct desy_known *known)
{
    char (*codecs)[NAME] = calloc(c->count + 1, NAME);
    int rc = codecs ? name_values(&known->attributes[DURATION], "duration", durations, 5) : desy_error_memory("strata");
    if (rc == DESY_OK) rc = name_values(&known->attributes[RESOLUTION], "resolution", sides, 5);
    for (int a = 0; a < DESY_ATTRIBUTES; a++)
        if (!(known->attributes[a].of = calloc(c->count + 1, sizeof *known->attributes[a].of)) && rc == DESY_OK) rc = desy_error_memory("strata");
    for (size_t i = 0; rc == DESY_OK && i < c->count; i++) rc = read_row(c, i, known, codecs[i]);
    rc = desy_agree(c->world, rc);
    if (rc == DESY_OK) rc = name_codecs(c, &known->attributes[CODEC], codecs);
    free(codecs);
    return rc;
}

/* ---- controls ---- */

static int read_probe(const struct chosen *c, struct desy_known *known)
{
    double *logits = malloc((c->n + 1) * sizeof *logits);
    known->probe = malloc((c->count + 1) * sizeof *known->probe);
    int rc = desy_agree(c->world, logits && known->probe ? DESY_OK : desy_error_memory("the probe on metadata"));
    if (rc == DESY_OK) rc = desy_metadata_probe(c->world, c->store, c->items, c->of, c->n, logits);
    for (uint64_t i = 0; rc == DESY_OK && i < c->count; i++)
        known->probe[i] = c->items->split[c->of[c->first + i]].part == DESY_SPLIT_TRAIN ? NAN : logits[c->first + i];
    free(logits);
    return rc;
}

struct source_key {
    uint64_t source;
    int label;
};

static int by_source(const void *left, const void *right)
{
    const struct source_key *a = left, *b = right;
    return a->source != b->source ? (a->source < b->source ? -1 : 1) : (a->label > b->label) - (a->label < b->label);
}

/* Which of this rank's clips are of a source that the training part has not. */
static int find_new_sources(const struct chosen *c, struct desy_known *known)
{
    struct source_key *trained = malloc((c->items->count + 1) * sizeof *trained);
    known->new_source = malloc(c->count + 1);
    const int rc = trained && known->new_source ? DESY_OK : desy_error_memory("sources of the training part");
    for (size_t i = 0; rc == DESY_OK && i < c->items->count; i++) {
        const struct desy_split_item *item = &c->items->split[i];
        if (item->part == DESY_SPLIT_TRAIN && item->label >= 0) trained[known->trained++] = (struct source_key){item->source, item->label};
    }
    if (rc == DESY_OK) qsort(trained, known->trained, sizeof *trained, by_source);
    for (uint64_t i = 0; rc == DESY_OK && i < c->count; i++) {
        const struct desy_split_item *item = &c->items->split[c->of[c->first + i]];
        const struct source_key key = {item->source, item->label};
        known->new_source[i] = item->part == DESY_SPLIT_TRAIN ? DESY_LEFT_OUT : !bsearch(&key, trained, known->trained, sizeof *trained, by_source);
    }
    free(trained);
    return desy_agree(c->world, rc);
}

static int add_video(const struct chosen *c, cJSON *entry, uint64_t item, const char *id_key, const char *path_key)
{
    struct desy_store_row row = {0};
    char id[17];
    int rc = desy_store_read_rows(c->store, c->items->first[item], 1, &row);
    if (rc != DESY_OK) return rc;
    snprintf(id, sizeof id, "%016llx", (unsigned long long)row.id);
    if (!desy_figure_text(entry, id_key, id) || !desy_figure_text(entry, path_key, row.video_path)) rc = desy_error_memory("copies");
    desy_store_row_free(&row);
    return rc;
}

/* Rank 0. */
static int describe_copies(const struct chosen *c, const struct desy_copies *copies, cJSON **json)
{
    cJSON *leakage = *json = cJSON_CreateObject(), *pairs = leakage ? cJSON_AddArrayToObject(leakage, "pairs") : NULL;
    int rc = pairs && desy_figure_integer(leakage, "compared", (int64_t)copies->compared) && desy_figure_integer(leakage, "training_clips", (int64_t)copies->trained)
                     && desy_figure(leakage, "cosine", copies->cosine) && desy_figure_integer(leakage, "near", (int64_t)copies->n_pairs)
                     && desy_figure_integer(leakage, "torn_groups", (int64_t)copies->torn)
                     && ((copies->evaluated_all <= DESY_COPIES_EVALUATED && copies->trained_all <= DESY_COPIES_TRAINED) || desy_figure_text(leakage, "sample", "drawn at random of more clips"))
                 ? DESY_OK
                 : desy_error_memory("copies");
    for (size_t i = 0; rc == DESY_OK && i < copies->n_pairs && i < LISTED; i++) {
        cJSON *entry = desy_figure_entry(pairs);
        rc = entry && desy_figure(entry, "cosine", copies->pairs[i].cosine) ? add_video(c, entry, copies->pairs[i].item, "id", "video_path") : desy_error_memory("copies");
        if (rc == DESY_OK) rc = add_video(c, entry, copies->pairs[i].of, "training_id", "training_video_path");
    }
    return rc;
}

static int find_copies(const struct chosen *c, uint64_t seed, struct desy_known *known)
{
    struct desy_copies copies = {0};
    int rc = DESY_OK;
    if (known->trained == 0) return DESY_OK;
    known->copied = malloc(c->count + 1);
    DESY_TRY(desy_agree(c->world, known->copied ? DESY_OK : desy_error_memory("copies")));
    DESY_TRY(desy_copies_find(c->world, c->store, c->items, c->of, c->n, seed, &copies));
    memcpy(known->copied, copies.copied + c->first, c->count);
    rc = desy_agree(c->world, desy_rank(c->world) == 0 ? describe_copies(c, &copies, &known->leakage) : DESY_OK);
out:
    desy_copies_close(&copies);
    return rc;
}

int desy_known_open(desy_world *world, desy_store *store, const struct desy_items *items, const uint64_t *chosen, size_t n, uint64_t seed, bool controls, struct desy_known *known)
{
    struct chosen c = {.world = world, .store = store, .items = items, .of = chosen, .n = n};
    int rc = DESY_OK;
    *known = (struct desy_known){0};
    desy_scores_share(n, desy_rank(world), desy_size(world), &c.first, &c.count);
    DESY_TRY(read_strata(&c, known));
    if (!controls) goto out;
    DESY_TRY(find_new_sources(&c, known));
    DESY_TRY(read_probe(&c, known));
    DESY_TRY(find_copies(&c, seed, known));
out:
    return rc;
}

void desy_known_close(struct desy_known *known)
{
    for (int a = 0; a < DESY_ATTRIBUTES; a++) {
        for (size_t v = 0; v < known->attributes[a].n; v++) free(known->attributes[a].values[v]);
        free(known->attributes[a].values);
        free(known->attributes[a].of);
    }
    free(known->probe);
    free(known->new_source);
    free(known->copied);
    cJSON_Delete(known->leakage);
    *known = (struct desy_known){0};
}
