#include "train/items.h"

#include "base/error.h"
#include "base/hash.h"
#include "train/text.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

struct record {
    struct desy_split_item split;
    struct desy_item_clip clip;
};

static struct desy_split_item make_item(uint64_t id, const char *group, const char *source, int label, enum desy_split_part part)
{
    return (struct desy_split_item){.id = id, .group = group && *group ? desy_hash64(group, strlen(group)) : id,
        .source = source ? desy_hash64(source, strlen(source)) : 0, .label = label, .part = part};
}

static struct record make_record(const struct desy_store_row *row)
{
    return (struct record){.split = make_item(row->id, row->group, row->source, row->label, row->split),
        .clip = {row->status == DESY_STATUS_OK ? row->row : -1, row->n_frames, row->view, row->audio_samples, desy_text_is_there(row->text)}};
}

int desy_items_check(const desy_dataset *dataset, uint64_t seed)
{
    const size_t n = desy_dataset_count(dataset);
    struct desy_split_item *items = malloc((n + 1) * sizeof *items);
    if (!items) return desy_error_memory("the split");
    for (size_t i = 0; i < n; i++) {
        struct desy_item item;
        desy_dataset_item(dataset, i, &item);
        items[i] = make_item(item.id, item.group, item.source, item.label, item.split);
    }
    int rc = desy_split_draw(items, n, seed, true);
    free(items);
    return rc;
}

/* This rank's share of `videos`, some at a time: rows carry texts. */
static int read_share(desy_store *store, size_t first, size_t count, struct record *records)
{
    enum { SOME = 256 };
    struct desy_store_row rows[SOME];
    int rc = DESY_OK;
    for (size_t done = 0; rc == DESY_OK && done < count;) {
        size_t n = count - done < SOME ? count - done : SOME;
        rc = desy_store_read_rows(store, first + done, n, rows);
        for (size_t i = 0; rc == DESY_OK && i < n; i++) {
            records[done++] = make_record(&rows[i]);
            desy_store_row_free(&rows[i]);
        }
    }
    return rc;
}

static int unpack(struct desy_items *items, const struct record *records, size_t n)
{
    items->split = malloc((n + 1) * sizeof *items->split);
    items->first = malloc((n + 1) * sizeof *items->first);
    items->clips = malloc((n + 1) * sizeof *items->clips);
    if (!items->split || !items->first || !items->clips) return desy_error_memory("the items of a store");
    for (size_t i = 0; i < n; i++) {
        items->clips[i] = records[i].clip;
        if (i > 0 && records[i].split.id == records[i - 1].split.id) continue; /* clips of an item follow on each other */
        items->first[items->count] = i;
        items->split[items->count++] = records[i].split;
    }
    items->first[items->count] = n;
    return DESY_OK;
}

int desy_items_read(desy_world *world, desy_store *store, uint64_t seed, bool require, struct desy_items *items)
{
    const size_t total = desy_store_videos(store), ranks = (size_t)desy_size(world), rank = (size_t)desy_rank(world);
    const size_t first = total * rank / ranks, count = total * (rank + 1) / ranks - first;
    struct record *mine = calloc(count + 1, sizeof *mine);
    void *all = NULL;
    size_t n = 0;
    int rc = mine ? DESY_OK : desy_error_memory("the items of a store");
    memset(items, 0, sizeof *items);
    if (rc == DESY_OK) rc = read_share(store, first, count, mine);
    DESY_TRY(desy_agree(world, rc));
    DESY_TRY(desy_gatherall(world, mine, count, sizeof *mine, &all, &n));
    rc = unpack(items, all, n);
    if (rc == DESY_OK) rc = desy_split_draw(items->split, items->count, seed, require);
    rc = desy_agree(world, rc);
out:
    free(mine);
    free(all);
    if (rc != DESY_OK) desy_items_close(items);
    return rc;
}

void desy_items_close(struct desy_items *items)
{
    free(items->split);
    free(items->first);
    free(items->clips);
    memset(items, 0, sizeof *items);
}

bool desy_item_is_read(const struct desy_items *items, size_t i)
{
    for (size_t clip = items->first[i]; clip < items->first[i + 1]; clip++)
        if (items->clips[clip].row >= 0) return true;
    return false;
}

size_t desy_item_first_clip(const struct desy_items *items, size_t i)
{
    for (size_t clip = items->first[i]; clip < items->first[i + 1]; clip++)
        if (items->clips[clip].row >= 0 && items->clips[clip].view == 0) return clip;
    return SIZE_MAX;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int desy_training_sha256(const struct desy_items *items, char hex[65])
{
    uint64_t *ids = malloc((items->count + 1) * sizeof *ids);
    size_t n = 0;
    if (!ids) return desy_error_memory("item ids");
    for (size_t i = 0; i < items->count; i++)
        if (items->split[i].part == DESY_SPLIT_TRAIN && items->split[i].label >= 0 && desy_item_is_read(items, i)) ids[n++] = items->split[i].id;
    qsort(ids, n, sizeof *ids, by_value);
    for (size_t i = 0; i < n; i++) ids[i] = htole64(ids[i]);
    int rc = desy_sha256_bytes(hex, ids, n * sizeof *ids);
    free(ids);
    return rc;
}
