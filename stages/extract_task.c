/* One rank's work: the blocks of a task, decoded ahead by the helpers, extracted and written in order. */
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "mpi/signals.h"
#include "stages/extract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct head { /* before each block's items in the message */
    uint64_t block, bytes, made_us;
    char expected[DESY_SHA256_HEX];
};

struct block {
    uint64_t block, made_us;
    struct desy_item *items;
    size_t count;
    char inputs[DESY_SHA256_HEX];
};

int desy_extract_pack(void **payload, size_t *bytes, const desy_dataset *dataset, const struct desy_extract_block *blocks, size_t n)
{
    int rc = DESY_OK;
    char *message = NULL;
    size_t used = 0;
    void *items = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t size;
        struct head head = {.block = blocks[i].block, .made_us = blocks[i].made_us};
        DESY_TRY(desy_items_pack(&items, &size, dataset, blocks[i].first, blocks[i].count));
        head.bytes = size;
        snprintf(head.expected, sizeof head.expected, "%s", blocks[i].expected);
        char *larger = realloc(message, used + sizeof head + size);
        if (!larger) DESY_TRY(desy_error_memory("a task"));
        message = larger;
        memcpy(message + used, &head, sizeof head);
        memcpy(message + used + sizeof head, items, size);
        used += sizeof head + size;
        free(items);
        items = NULL;
    }
    *payload = message, *bytes = used;
    message = NULL;
out:
    free(items);
    free(message);
    return rc;
}

/* The blocks of a message that are to be made; those that are done are only counted. */
static int unpack(struct block **out, size_t *n, struct desy_extract_worker *worker, const char *payload, size_t bytes)
{
    size_t made = 0;
    struct block *blocks = *out = calloc(bytes / sizeof(struct head) + 1, sizeof *blocks);
    *n = 0;
    if (!blocks) return desy_error_memory("a task");
    for (size_t at = 0; at < bytes;) {
        struct head head;
        struct block *block = &blocks[made];
        memcpy(&head, payload + at, sizeof head);
        block->block = head.block, block->made_us = head.made_us;
        int rc = desy_items_unpack(&block->items, &block->count, payload + at + sizeof head, head.bytes);
        *n = made + 1;
        if (rc == DESY_OK) rc = desy_inputs_sha256(block->inputs, worker->root, block->items, block->count, worker->request.audio);
        if (rc != DESY_OK) return rc;
        at += sizeof head + head.bytes;
        if (strcmp(head.expected, block->inputs) != 0) {
            made++;
            continue;
        }
        worker->resumed += (int64_t)block->count;
        free(block->items);
        *block = (struct block){0};
    }
    *n = made;
    return DESY_OK;
}

/* The next item of all blocks, or view of one, in order: each is decoded for itself, by whichever helper is idle. */
struct cursor {
    size_t block, item;
    int view;
};

static void advance(struct cursor *cursor, const struct block *blocks, int views)
{
    if (++cursor->view <= views) return;
    cursor->view = 0;
    if (++cursor->item < blocks[cursor->block].count) return;
    cursor->block++;
    cursor->item = 0;
}

static int submit(struct desy_extract_worker *worker, const struct desy_item *item, int view)
{
    struct desy_clip_request request = worker->request;
    request.view = view, request.item = item->id;
    char *path = desy_path_join(worker->root, item->video_path), *audio = *item->audio_path ? desy_path_join(worker->root, item->audio_path) : strdup("");
    int rc = path && audio ? DESY_OK : desy_error_memory("a path");
    if (rc == DESY_OK) {
        desy_clip_request_paths(&request, path, audio);
        rc = desy_helper_submit(worker->helpers, &request);
    }
    free(path);
    free(audio);
    return rc;
}

/* A clip whose features are not numbers is a failed item, not a store that nobody can read. */
static int append_not_finite(desy_segment *segment, const struct desy_item *item, const struct desy_clip *clip)
{
    struct desy_clip *failed = malloc(sizeof *failed);
    if (!failed) return desy_error_memory("a clip");
    memcpy(failed, clip, offsetof(struct desy_clip, audio));
    failed->status = DESY_STATUS_UNREADABLE;
    snprintf(failed->reason, sizeof failed->reason, DESY_NOT_FINITE);
    int rc = desy_segment_append(segment, item, failed, NULL);
    free(failed);
    return rc;
}

static int append(struct desy_extract_worker *worker, desy_segment *segment, const struct desy_item *item, const struct desy_clip *clip, bool *finite)
{
    if (clip->status != DESY_STATUS_OK) return desy_segment_append(segment, item, clip, NULL);
    int rc = desy_extractor_extract(worker->extractor, worker->state, clip, worker->features, finite);
    if (rc != DESY_OK) return rc;
    return *finite ? desy_segment_append(segment, item, clip, worker->features) : append_not_finite(segment, item, clip);
}

/* All clips of one item, or of a view of it, up to the first that failed. *any: could one of the original's be read? Else its views are left out. */
static int take(struct desy_extract_worker *worker, desy_segment *segment, const struct desy_item *item, bool *any)
{
    const struct desy_clip *clip;
    bool finite = true;
    int rc;
    do {
        DESY_TRY(desy_helper_take(worker->helpers, &clip));
        if (finite && (clip->view == 0 || *any)) DESY_TRY(append(worker, segment, item, clip, &finite));
        if (clip->view == 0 && clip->window == 0) *any = clip->status == DESY_STATUS_OK && finite;
    } while (!desy_clip_is_last(clip));
out:
    return rc;
}

static int make_blocks(struct desy_extract_worker *worker, const struct block *blocks, size_t n)
{
    int rc = DESY_OK, waiting = 0;
    bool any = false;
    desy_segment *segment = NULL;
    struct cursor ahead = {0}, next = {0};
    while (next.block < n) {
        const struct block *block = &blocks[next.block];
        for (; ahead.block < n && waiting < worker->ahead; waiting++) {
            DESY_TRY(submit(worker, &blocks[ahead.block].items[ahead.item], ahead.view));
            advance(&ahead, blocks, worker->views);
        }
        if (!segment) {
            const struct desy_segment_options options = {worker->store, block->block, worker->shape, worker->config_sha256, worker->dataset_sha256, block->made_us};
            DESY_TRY(desy_segment_open(&segment, &options));
        }
        DESY_TRY(take(worker, segment, &block->items[next.item], &any));
        waiting--;
        advance(&next, blocks, worker->views);
        worker->made += next.view == 0;
        if (next.item > 0 || next.view > 0) continue;
        DESY_TRY(desy_committer_add(worker->committer, &segment, block->inputs));
        if (next.block < n && desy_interrupted())
            DESY_TRY(desy_error(DESY_EINTERRUPTED, "interrupted: what is done is kept, and the same command continues"));
    }
out:
    desy_segment_abort(&segment);
    return rc;
}

int desy_extract_work(struct desy_extract_worker *worker, const void *payload, size_t bytes)
{
    struct block *blocks = NULL;
    size_t n = 0;
    int rc = unpack(&blocks, &n, worker, payload, bytes);
    if (rc == DESY_OK) rc = make_blocks(worker, blocks, n);
    for (size_t i = 0; i < n; i++) free(blocks[i].items);
    free(blocks);
    return rc;
}
