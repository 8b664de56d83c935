#include "train/training_set.h"

#include "base/error.h"
#include "features/extractor.h"
#include "train/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int open_set(struct desy_training_set *set, desy_world *world, const struct desy_layout *layout, size_t total, const char *scratch)
{
    *set = (struct desy_training_set){.world = world, .layout = *layout, .total = total};
    desy_tile_share(total, desy_rank(world), desy_size(world), &set->first, &set->count);
    const int rc = desy_scratch_open(&set->scratch, set->count * (size_t)desy_pool_width(layout) * sizeof *set->vectors, scratch);
    set->vectors = set->scratch.data;
    set->items = calloc(total + 1, sizeof *set->items);
    set->augmented = calloc(total + 1, sizeof *set->augmented);
    set->labels = calloc(total + 1, sizeof *set->labels);
    set->folds = calloc(total + 1, sizeof *set->folds);
    set->kin = calloc(total + 1, sizeof *set->kin);
    if (rc != DESY_OK) return rc;
    return set->items && set->augmented && set->labels && set->folds && set->kin ? DESY_OK : desy_error_memory("the training set");
}

int desy_training_set_open(struct desy_training_set *set, desy_world *world, const struct desy_layout *layout, size_t total)
{
    return open_set(set, world, layout, total, NULL);
}

void desy_training_set_close(struct desy_training_set *set)
{
    desy_scratch_close(&set->scratch);
    free(set->items);
    free(set->augmented);
    free(set->labels);
    free(set->folds);
    free(set->kin);
    free(set->stored.n_frames);
    free(set->stored.audio_samples);
    free(set->stored.has_text);
    for (size_t i = 0; set->stored.texts && i < set->total; i++) free(set->stored.texts[i]);
    free(set->stored.texts);
    memset(set, 0, sizeof *set);
}

/* Is row i the first of its item? */
static bool is_first(const struct desy_training_set *set, size_t i)
{
    return i == 0 || set->items[i].id != set->items[i - 1].id;
}

/* The row behind those of the item that begins at i. */
static size_t end_of_item(const struct desy_training_set *set, size_t i)
{
    do i++;
    while (i < set->total && !is_first(set, i));
    return i;
}

/* Is item i fitted to when fold `left_out` (-1: none) is left out? */
static bool is_fitted(const struct desy_training_set *set, size_t i, int left_out)
{
    return set->folds[i] >= 0 && (left_out < 0 || !(set->kin[i] & 1 << left_out));
}

struct member {
    uint64_t group;
    size_t index;
};

static int by_group(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    return (x->group > y->group) - (x->group < y->group);
}

/* Folds by source may tear a group apart: its other items must not teach what the one left out is asked. */
static int find_kin(struct desy_training_set *set)
{
    struct member *members = malloc((set->total + 1) * sizeof *members);
    size_t n = 0;
    if (!members) return desy_error_memory("folds");
    for (size_t i = 0; i < set->total; i++)
        if (set->folds[i] >= 0) members[n++] = (struct member){set->items[i].group, i};
    qsort(members, n, sizeof *members, by_group);
    for (size_t from = 0, to; from < n; from = to) {
        uint8_t folds = 0;
        for (to = from; to < n && members[to].group == members[from].group; to++) folds |= (uint8_t)(1 << set->folds[members[to].index]);
        for (size_t i = from; i < to; i++) set->kin[members[i].index] = folds;
    }
    free(members);
    return DESY_OK;
}

/* Every fit leaves one fold out and still needs both classes. */
static int check_folds(const struct desy_training_set *set)
{
    for (int label = 0; label < 2; label++) {
        const size_t n = set->counts[DESY_SPLIT_TRAIN][label];
        const char *what = label ? "AI-generated" : "real";
        if (n < 4) return desy_error(DESY_EDATA, "%zu %s training videos: at least 4 of each class are needed", n, what);
        for (int f = 0; f < DESY_FOLDS; f++) {
            size_t left = 0;
            for (size_t i = 0; i < set->total; i++) left += is_first(set, i) && set->labels[i] == label && is_fitted(set, i, f);
            if (left == 0) return desy_error(DESY_EDATA, "all %s training videos share their groups or sources: nothing can be tried on unseen ones; add videos of others", what);
        }
    }
    return DESY_OK;
}

int desy_training_set_finish(struct desy_training_set *set, uint64_t seed)
{
    struct desy_split_item *chosen = malloc((set->total + 1) * sizeof *chosen);
    int *folds = malloc((set->total + 1) * sizeof *folds);
    size_t n = 0;
    int rc = chosen && folds ? DESY_OK : desy_error_memory("folds");
    if (rc != DESY_OK) goto out;
    memset(set->counts, 0, sizeof set->counts);
    memset(set->kin, 0, set->total * sizeof *set->kin);
    for (size_t i = 0; i < set->total; i++) {
        const struct desy_split_item *item = &set->items[i];
        set->labels[i] = item->label == 1;
        if (!is_first(set, i)) continue;
        if (item->label >= 0 && item->part != DESY_SPLIT_NONE) set->counts[item->part][item->label]++;
        if (item->label >= 0 && item->part == DESY_SPLIT_TRAIN) chosen[n++] = *item;
    }
    DESY_TRY(desy_split_folds(folds, &set->by_source, chosen, n, DESY_FOLDS, seed));
    n = 0;
    for (size_t i = 0; i < set->total; i++) {
        if (!is_first(set, i)) set->folds[i] = set->folds[i - 1]; /* what is of one video is never torn apart */
        else set->folds[i] = set->items[i].label >= 0 && set->items[i].part == DESY_SPLIT_TRAIN ? folds[n++] : -1;
    }
    DESY_TRY(find_kin(set));
    rc = check_folds(set);
out:
    free(chosen);
    free(folds);
    return rc;
}

/* The rows of this rank, a tile at a time. */
static int read_vectors(struct desy_training_set *set)
{
    const struct desy_stored *f = &set->stored;
    const size_t size = (size_t)f->frames * (size_t)f->dims;
    float *tile = malloc(DESY_TILE * size * sizeof *tile);
    int rc = tile ? DESY_OK : desy_error_memory("a tile of features");
    for (size_t done = 0; rc == DESY_OK && done < set->count;) {
        size_t n = set->count - done < DESY_TILE ? set->count - done : DESY_TILE;
        rc = desy_store_read_features(f->store, set->first + done, n, tile);
        for (size_t i = 0; rc == DESY_OK && i < n; i++, done++)
            rc = desy_pool(set->vectors + done * (size_t)desy_pool_width(&set->layout), &set->layout, tile + i * size, f->frames, f->n_frames[set->first + done]);
    }
    free(tile);
    return rc;
}

/* The clips that have features, by their rows. */
static int place_items(struct desy_training_set *set, const struct desy_items *items)
{
    size_t placed = 0;
    for (size_t i = 0; i < items->count; i++)
        for (size_t c = items->first[i]; c < items->first[i + 1]; c++) {
            const struct desy_item_clip *clip = &items->clips[c];
            if (clip->row < 0) continue;
            if ((size_t)clip->row != placed || placed == set->total) /* in data-set order: what training_set.h says of an item's rows */
                return desy_error(DESY_EDATA, "the store is inconsistent: item %zu names row %lld of %zu; extract again", i, (long long)clip->row, set->total);
            set->items[placed] = items->split[i];
            set->augmented[placed] = (uint8_t)clip->view;
            set->stored.n_frames[placed] = clip->n_frames;
            set->stored.audio_samples[placed] = clip->audio_samples;
            set->stored.any_text |= (set->stored.has_text[placed++] = clip->has_text != 0);
        }
    return placed == set->total ? DESY_OK : desy_error(DESY_EDATA, "the store is inconsistent: %zu of its %zu feature rows have an item; extract again", placed, set->total);
}

static int keep_text(struct desy_training_set *set, const struct desy_item_clip *clip, const char *text)
{
    if (clip->row < (int64_t)set->first || clip->row >= (int64_t)(set->first + set->count) || !clip->has_text) return DESY_OK;
    set->stored.texts[clip->row] = strndup(text, DESY_TEXT_MOST + 1);
    return set->stored.texts[clip->row] ? DESY_OK : desy_error_memory("texts");
}

/* Those of this rank's rows; `videos` are the clips of the items, in their order. */
static int read_texts(struct desy_training_set *set, const struct desy_items *items)
{
    enum { SOME = 256 };
    struct desy_store_row rows[SOME];
    size_t from = 0, to = items->first[items->count];
    int rc = DESY_OK;
    while (from < to && items->clips[from].row < (int64_t)set->first) from++;
    while (from < to && (items->clips[to - 1].row < 0 || items->clips[to - 1].row >= (int64_t)(set->first + set->count))) to--;
    for (size_t n; rc == DESY_OK && from < to; from += n) {
        n = to - from < SOME ? to - from : SOME;
        rc = desy_store_read_rows(set->stored.store, from, n, rows);
        for (size_t i = 0, read = rc == DESY_OK ? n : 0; i < read; i++) {
            if (rc == DESY_OK) rc = keep_text(set, &items->clips[from + i], rows[i].text);
            desy_store_row_free(&rows[i]);
        }
    }
    return rc;
}

int desy_training_set_read(struct desy_training_set *set, desy_world *world, desy_store *store, const struct desy_items *items, uint64_t seed, const char *scratch)
{
    const size_t total = desy_store_rows(store);
    const struct desy_extractor *extractor = NULL;
    struct desy_layout layout = {desy_store_dims(store), 0};
    int rc = DESY_OK;
    desy_extractor_find(&extractor, desy_store_extractor(store)); /* another one is a TorchScript encoder: numbers without a layout */
    if (rc == DESY_OK && extractor && extractor->dims != desy_store_dims(store))
        rc = desy_error(DESY_EDATA, "the store holds %d numbers a frame, the extractor %s gives %d: extract again", desy_store_dims(store), extractor->name, extractor->dims);
    if (rc == DESY_OK && extractor && extractor->forensic) layout = (struct desy_layout){DESY_ENCODER_DIMS, extractor->dims - DESY_ENCODER_DIMS};
    if (rc == DESY_OK) rc = open_set(set, world, &layout, total, scratch);
    if (rc == DESY_OK) {
        set->stored = (struct desy_stored){.store = store, .frames = desy_store_frames(store), .dims = desy_store_dims(store), .n_frames = calloc(total + 1, sizeof *set->stored.n_frames),
            .audio_samples = calloc(total + 1, sizeof *set->stored.audio_samples), .has_text = calloc(total + 1, 1), .texts = calloc(total + 1, sizeof *set->stored.texts)};
        if (!set->stored.n_frames || !set->stored.audio_samples || !set->stored.has_text || !set->stored.texts) rc = desy_error_memory("the training set");
    }
    if (rc == DESY_OK) rc = place_items(set, items);
    if (rc == DESY_OK) rc = desy_training_set_finish(set, seed);
    DESY_TRY(desy_agree(world, rc));
    rc = read_vectors(set);
    if (rc == DESY_OK && set->stored.any_text) rc = read_texts(set, items);
    rc = desy_agree(world, rc);
out:
    return rc;
}

struct source_count {
    uint64_t key;
    size_t index;
};

static int by_key(const void *a, const void *b)
{
    const struct source_count *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* Gives each row of the item that begins at `first` its part of `weight`; returns how many there are. */
static size_t share(const struct desy_training_set *set, enum desy_split_part part, size_t first, double weight, double *weights)
{
    const size_t end = end_of_item(set, first);
    size_t n = 0;
    for (size_t i = first; i < end; i++) n += part == DESY_SPLIT_TRAIN || !set->augmented[i];
    for (size_t i = first; i < end; i++)
        if (part == DESY_SPLIT_TRAIN || !set->augmented[i]) weights[i] = weight / (double)n;
    return n;
}

static int weigh(const struct desy_training_set *set, enum desy_split_part part, int left_out, double *weights, size_t *chosen)
{
    struct source_count *sorted = malloc((set->total + 1) * sizeof *sorted);
    double sum[2] = {0};
    size_t n = 0, rows = 0;
    memset(weights, 0, set->total * sizeof *weights);
    if (!sorted) return desy_error_memory("sample weights");
    for (size_t i = 0; i < set->total; i++) {
        const struct desy_split_item *item = &set->items[i];
        if (!is_first(set, i) || item->label < 0 || item->part != part || (part == DESY_SPLIT_TRAIN && !is_fitted(set, i, left_out))) continue;
        sorted[n++] = (struct source_count){item->source ^ (uint64_t)item->label, i};
    }
    qsort(sorted, n, sizeof *sorted, by_key);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && sorted[to].key == sorted[from].key; to++) continue;
        for (size_t i = from; i < to; i++) rows += share(set, part, sorted[i].index, 1 / sqrt((double)(to - from)), weights);
    }
    for (size_t i = 0; i < set->total; i++) sum[set->labels[i]] += weights[i];
    for (size_t i = 0; i < set->total; i++)
        if (weights[i] > 0) weights[i] *= (double)n / 2 / sum[set->labels[i]];
    free(sorted);
    *chosen = rows;
    return DESY_OK;
}

int desy_training_weights(const struct desy_training_set *set, int left_out, double *weights, size_t *chosen)
{
    return weigh(set, DESY_SPLIT_TRAIN, left_out, weights, chosen);
}

int desy_validation_weights(const struct desy_training_set *set, double *weights, size_t *chosen)
{
    return weigh(set, DESY_SPLIT_VAL, -1, weights, chosen);
}

void desy_training_weigh_items(const struct desy_training_set *set, double *weights, size_t *chosen)
{
    *chosen = 0;
    for (size_t first = 0, end; first < set->total; first = end) {
        end = end_of_item(set, first);
        for (size_t i = first + 1; i < end; i++) weights[first] += weights[i], weights[i] = 0;
        *chosen += weights[first] > 0;
    }
}

void desy_training_average(const struct desy_training_set *set, double *values, size_t n)
{
    for (size_t first = 0, end; first < set->total; first = end) {
        size_t rows = 0;
        end = end_of_item(set, first);
        for (size_t i = first; i < end; i++) rows += !set->augmented[i];
        if (rows == 0) continue; /* its windows failed, views are left: nothing is known of it */
        for (size_t k = 0; k < n; k++) {
            double sum = 0;
            size_t present = 0;
            for (size_t i = first; i < end; i++) {
                if (set->augmented[i] || isnan(values[i * n + k])) continue;
                sum += values[i * n + k];
                present++;
            }
            values[first * n + k] = present ? sum / (double)present : NAN;
        }
    }
}

struct desy_fit desy_training_fit(const struct desy_training_set *set, const double *weights, size_t chosen)
{
    return (struct desy_fit){.world = set->world, .vectors = set->vectors, .stride = (size_t)desy_pool_width(&set->layout),
        .first = set->first, .count = set->count, .total = set->total, .weights = weights, .labels = set->labels, .chosen = chosen, .stored = set->stored.store ? &set->stored : NULL};
}
