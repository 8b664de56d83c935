/* One rank's work: the blocks of a task, decoded ahead by the helpers, extracted in batches and written in order. */
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

/* What clips become when they come out of the batches, one after the other. */
struct writing {
    struct desy_extract_worker *worker;
    const struct block *blocks;
    size_t count;
    struct cursor next; /* the request whose clips come out, or the first that can */
    uint64_t number;    /* of that request; clips bear it as their tag */
    desy_segment *segment;
    bool finite; /* were all clips of this request numbers? What follows one that was not counts no more */
    bool any;    /* could a clip of the original be read? Else its views are left out */
};

/* A request has no more clips, or never had any that counted. */
static int pass(struct writing *w)
{
    struct desy_extract_worker *worker = w->worker;
    const size_t block = w->next.block;
    advance(&w->next, w->blocks, worker->views);
    w->number++;
    w->finite = true;
    worker->made += w->next.view == 0;
    if (w->next.block == block) return DESY_OK;
    int rc = desy_committer_add(worker->committer, &w->segment, w->blocks[block].inputs);
    if (rc == DESY_OK && w->next.block < w->count && desy_interrupted())
        rc = desy_error(DESY_EINTERRUPTED, "interrupted: what is done is kept, and the same command continues");
    return rc;
}

static int write_clip(void *context, uint64_t tag, const struct desy_clip *clip, const float *features, bool finite)
{
    struct writing *w = context;
    int rc = DESY_OK;
    while (w->number < tag) DESY_TRY(pass(w));
    if (!w->segment) {
        const struct block *block = &w->blocks[w->next.block];
        const struct desy_segment_options options = {w->worker->store, block->block, w->worker->shape, w->worker->config_sha256, w->worker->dataset_sha256, block->made_us};
        DESY_TRY(desy_segment_open(&w->segment, &options));
    }
    const struct desy_item *item = &w->blocks[w->next.block].items[w->next.item];
    if (w->finite && (clip->view == 0 || w->any))
        DESY_TRY(clip->status == DESY_STATUS_OK && !finite ? append_not_finite(w->segment, item, clip) : desy_segment_append(w->segment, item, clip, features));
    w->finite &= clip->status != DESY_STATUS_OK || finite;
    if (clip->view == 0 && clip->window == 0) w->any = clip->status == DESY_STATUS_OK && finite;
    if (desy_clip_is_last(clip)) DESY_TRY(pass(w));
out:
    return rc;
}

/* All clips of one request, to the batches. *any: as far as the decoder knows. */
static int take(struct desy_extract_worker *worker, desy_batches *batches, uint64_t number, bool *any)
{
    const struct desy_clip *clip;
    int rc;
    do {
        DESY_TRY(desy_helper_take(worker->helpers, &clip));
        if (clip->view == 0 || *any) DESY_TRY(desy_batches_add(batches, clip, number));
        if (clip->view == 0 && clip->window == 0) *any = clip->status == DESY_STATUS_OK;
    } while (!desy_clip_is_last(clip));
out:
    return rc;
}

/* Batches begin anew with each block: what is beside a clip is of its block, whoever did which blocks before. */
static int make_blocks(struct desy_extract_worker *worker, const struct block *blocks, size_t n)
{
    int rc = DESY_OK, waiting = 0;
    bool any = false;
    struct writing writing = {.worker = worker, .blocks = blocks, .count = n, .finite = true};
    desy_batches *batches = NULL;
    const struct desy_batches_options options = {worker->extractor, worker->state, .crops = worker->request.crops, .deliver = write_clip, .context = &writing};
    struct cursor ahead = {0}, next = {0};
    DESY_TRY(desy_batches_open(&batches, &options));
    for (uint64_t number = 0; next.block < n; number++) {
        const size_t block = next.block;
        for (; ahead.block < n && waiting < worker->ahead; waiting++) {
            DESY_TRY(submit(worker, &blocks[ahead.block].items[ahead.item], ahead.view));
            advance(&ahead, blocks, worker->views);
        }
        DESY_TRY(take(worker, batches, number, &any));
        waiting--;
        advance(&next, blocks, worker->views);
        if (next.block > block) DESY_TRY(desy_batches_flush(batches));
    }
    DESY_TRY(desy_batches_drain(batches));
    while (writing.next.block < n) DESY_TRY(pass(&writing));
out:
    desy_batches_close(&batches);
    desy_segment_abort(&writing.segment);
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
