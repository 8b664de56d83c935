#include "train/loader.h"

#include "base/aligned.h"
#include "base/error.h"
#include "train/balance.h"
#include "train/prefetch.h"
#include "train/reading_store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD_ROWS 256 /* vectors that are gathered at once: a collective costs more than a few rows */

struct desy_loader {
    struct desy_loader_options o;
    size_t ranks, first, own_rows, item; /* of a batch: the first row of this rank's shards, and how many; numbers of a row */
    uint64_t epoch;
    const uint32_t *order;
    size_t next;                        /* item of the order that the next batch begins with */
    float *x;                           /* (own_rows, item): pooled vectors */
    float *ahead, *mine;                /* (ahead_room, item): inputs of the next items in this order, from all ranks; this rank's of them */
    size_t ahead_room, ahead_from, ahead_count;
    double *room;                       /* (inputs): of pooled vectors */
    desy_prefetch *prefetch;            /* what is read from the store */
    struct desy_reader reader;
    pthread_mutex_t store_lock;
    size_t bytes;                       /* of an item of theirs */
    struct slot {
        char *x;                        /* (own_rows, bytes) */
        int32_t *lengths;               /* (own_rows) */
    } *slots;
    int slot_count;
};

static bool reads_store(const desy_loader *l)
{
    return !desy_channel_is_pooled(l->o.head->channel);
}

static int open_buffers(desy_loader *l)
{
    bool good = true;
    if (!reads_store(l)) {
        l->ahead_room = l->o.batch > AHEAD_ROWS ? l->o.batch : AHEAD_ROWS;
        l->room = malloc((size_t)l->o.head->inputs * sizeof *l->room);
        l->x = desy_aligned_alloc(l->own_rows * l->bytes);
        l->ahead = malloc(l->ahead_room * l->item * sizeof *l->ahead);
        l->mine = malloc(l->ahead_room * l->item * sizeof *l->mine);
        good = l->room && l->x && l->ahead && l->mine;
    } else {
        l->slot_count = desy_prefetch_slots(l->o.workers);
        l->slots = calloc((size_t)l->slot_count, sizeof *l->slots);
        good = l->slots != NULL;
        for (int s = 0; good && s < l->slot_count; s++) {
            l->slots[s] = (struct slot){desy_aligned_alloc(l->own_rows * l->bytes), malloc(l->own_rows * sizeof(int32_t))};
            good = good && l->slots[s].x && l->slots[s].lengths;
        }
        const int rc = desy_reader_open(&l->reader, l->o.head, l->o.fit->stored);
        if (rc != DESY_OK) return rc;
        l->reader.lock = &l->store_lock;
    }
    return good ? DESY_OK : desy_error_memory("batches");
}

int desy_loader_open(desy_loader **out, const struct desy_loader_options *options)
{
    desy_loader *l = *out = calloc(1, sizeof *l);
    if (!l) return desy_error_memory("batches");
    l->o = *options;
    pthread_mutex_init(&l->store_lock, NULL);
    l->ranks = (size_t)desy_size(options->fit->world);
    l->first = options->first * options->shard_rows;
    l->own_rows = options->own * options->shard_rows;
    l->item = (size_t)options->head->frames * (size_t)options->head->inputs;
    l->bytes = desy_reading_bytes(options->head);
    const int rc = open_buffers(l);
    if (rc != DESY_OK) desy_loader_close(out);
    return rc;
}

void desy_loader_close(desy_loader **out)
{
    desy_loader *l = *out;
    if (!l) return;
    desy_prefetch_close(&l->prefetch);
    for (int s = 0; l->slots && s < l->slot_count; s++) {
        free(l->slots[s].x);
        free(l->slots[s].lengths);
    }
    free(l->slots);
    free(l->x);
    free(l->ahead);
    free(l->mine);
    desy_reader_close(&l->reader);
    pthread_mutex_destroy(&l->store_lock);
    free(l->room);
    free(l);
    *out = NULL;
}

static size_t in_batch(const desy_loader *l, size_t from)
{
    return l->o.n - from < l->o.batch ? l->o.n - from : l->o.batch;
}

/* ---- pooled vectors ---- */

static size_t owner_of(const desy_loader *l, size_t row)
{
    for (size_t rank = 0; rank < l->ranks; rank++) {
        size_t first, count;
        desy_tile_share(l->o.fit->total, (int)rank, (int)l->ranks, &first, &count);
        if (row >= first && row < first + count) return rank;
    }
    return 0; /* shares cover all rows */
}

/* Inputs of the next items from `from` on, wherever they lie, on every rank and in this epoch's order. */
static int gather_ahead(desy_loader *l, size_t from)
{
    const struct desy_fit *fit = l->o.fit;
    size_t have = 0, total, next = 0;
    float *all = NULL;
    l->ahead_from = from;
    l->ahead_count = l->o.n - from < l->ahead_room ? l->o.n - from : l->ahead_room;
    for (size_t i = 0; i < l->ahead_count; i++) {
        const size_t row = l->o.chosen[l->order[from + i]];
        if (row >= fit->first && row < fit->first + fit->count) desy_head_row(l->o.head, fit->vectors + (row - fit->first) * fit->stride, fit->stored ? fit->stored->texts[row] : NULL, l->mine + have++ * l->item, l->room);
    }
    const int rc = desy_gatherall(fit->world, l->mine, have, l->item * sizeof *l->mine, (void **)&all, &total);
    for (size_t rank = 0; rc == DESY_OK && rank < l->ranks; rank++) /* as they came: by rank, and in this order within each */
        for (size_t i = 0; i < l->ahead_count; i++)
            if (owner_of(l, l->o.chosen[l->order[from + i]]) == rank) memcpy(l->ahead + i * l->item, all + next++ * l->item, l->item * sizeof *all);
    free(all);
    return rc;
}

static int next_vectors(desy_loader *l, size_t from)
{
    const size_t n = in_batch(l, from);
    if (from < l->ahead_from || from + n > l->ahead_from + l->ahead_count) {
        const int rc = gather_ahead(l, from);
        if (rc != DESY_OK) return rc;
    }
    for (size_t k = 0; k < l->own_rows; k++) {
        const size_t at = l->first + k;
        if (at < n) memcpy(l->x + k * l->item, l->ahead + (from + at - l->ahead_from) * l->item, l->item * sizeof *l->x);
        else memset(l->x + k * l->item, 0, l->item * sizeof *l->x);
    }
    return DESY_OK;
}

/* ---- what is read from the store ---- */

static bool augments(const desy_loader *l)
{
    return l->o.head->channel->reads == DESY_READS_CROPS && l->o.augmentation != DESY_AUGMENTATION_NONE;
}

/* In one of the threads, which alone read the store while an epoch is under way. */
static int fill(void *context, size_t piece, int index)
{
    desy_loader *l = context;
    struct slot *slot = &l->slots[index];
    const size_t from = piece * l->o.batch, n = in_batch(l, from);
    int rc = DESY_OK;
    for (size_t k = 0; rc == DESY_OK && k < l->own_rows; k++) {
        const size_t at = l->first + k;
        slot->lengths[k] = 1;
        if (at >= n) {
            memset(slot->x + k * l->bytes, 0, l->bytes);
            continue;
        }
        const size_t row = l->o.chosen[l->order[from + at]];
        rc = desy_reader_row(&l->reader, row, slot->x + k * l->bytes, &slot->lengths[k]);
        if (rc == DESY_OK && augments(l)) {
            const struct desy_crop_recipe recipe = desy_crop_recipe(l->o.augmentation, l->o.seed, l->epoch, desy_time_id(l->o.ids[row], l->o.repeats, from + at));
            rc = desy_crops_augment((uint8_t *)slot->x + k * l->bytes, &recipe);
        }
    }
    return rc;
}

/* ---- together ---- */

int desy_loader_begin(desy_loader *l, uint64_t epoch, const uint32_t *order, size_t from)
{
    l->epoch = epoch;
    l->order = order;
    l->next = from;
    l->ahead_count = 0;
    desy_prefetch_close(&l->prefetch);
    return reads_store(l) ? desy_prefetch_open(&l->prefetch, fill, l, from / l->o.batch, (l->o.n + l->o.batch - 1) / l->o.batch, l->o.workers) : DESY_OK;
}

int desy_loader_next(desy_loader *l, const void **x, const int32_t **lengths)
{
    const size_t from = l->next;
    int slot, rc;
    l->next += in_batch(l, from);
    *lengths = NULL;
    *x = l->x;
    if (!reads_store(l)) return next_vectors(l, from);
    if (!l->prefetch) return desy_error(DESY_EENV, "no thread reads batches");
    rc = desy_prefetch_next(l->prefetch, &slot);
    if (rc == DESY_OK) *x = l->slots[slot].x, *lengths = l->slots[slot].lengths;
    if (l->next == l->o.n) desy_prefetch_close(&l->prefetch); /* the store is free again */
    return rc;
}
