/* The rows of an open store, its attributes, and what says that two stores are the same. */
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "features/split.h"
#include "features/store_reader.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 64

const char *desy_store_attribute(const desy_store *borrowed, const char *name)
{
    desy_store *store = (desy_store *)borrowed; /* remembers the answer, so that it can be borrowed */
    for (size_t i = 0; i < store->attribute_count; i++)
        if (strcmp(store->attributes[i].name, name) == 0) return store->attributes[i].value;
    char *value = desy_hdf5_read_text(store->file, name), *key = value ? strdup(name) : NULL;
    struct desy_store_attribute *more = key ? realloc(store->attributes, (store->attribute_count + 1) * sizeof *more) : NULL;
    if (!more) {
        free(value);
        free(key);
        return NULL;
    }
    store->attributes = more;
    more[store->attribute_count++] = (struct desy_store_attribute){key, value};
    return value;
}

void desy_store_row_free(struct desy_store_row *row)
{
    char **const texts[] = {&row->video_path, &row->source, &row->group, &row->text, &row->codec, &row->container, &row->muxer, &row->reason};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        free(*texts[i]);
        *texts[i] = NULL;
    }
}

static int fill_row(struct desy_store_row *row, const struct desy_video_record *record, const desy_store *store)
{
    const char *path = store->path;
    int rc;
    *row = (struct desy_store_row){
        .id = record->id, .label = record->label, .n_frames = record->n_frames, .row = record->row, .window = record->window,
        .view = record->view, .rotation = record->rotation, .key_frames = record->key_frames, .longest_gop = record->longest_gop,
        .reordering = record->reordering, .audio_samples = record->audio_samples, .width = record->width, .height = record->height, .fps = record->fps, .duration = record->duration,
        .bit_rate = record->bit_rate, .size = record->size, .total_frames = record->total_frames,
        .video_path = strdup(record->video_path), .source = strdup(record->source), .group = strdup(record->group),
        .text = strdup(record->text), .codec = strdup(record->codec), .container = strdup(record->container), .muxer = strdup(record->muxer), .reason = strdup(record->reason),
    };
    if (!row->video_path || !row->source || !row->group || !row->text || !row->codec || !row->container || !row->muxer || !row->reason)
        DESY_TRY(desy_error_memory(path));
    DESY_TRY(desy_split_parse(&row->split, record->split));
    DESY_TRY(desy_status_parse(&row->status, record->status));
    if ((row->row >= 0) != (row->status == DESY_STATUS_OK)) rc = desy_error(DESY_EDATA, "%s: an item's status and row do not agree", path);
    else if (row->label < -1 || row->label > 1) rc = desy_error(DESY_EDATA, "%s: an item has the label %d, which is not 0, 1 or -1 (none); extract the videos again", path, row->label);
    else if (row->n_frames < 0 || row->n_frames > store->shape.frames)
        rc = desy_error(DESY_EDATA, "%s: an item has %d frames, but the store is of %d; extract the videos again", path, row->n_frames, store->shape.frames);
    else if (row->audio_samples < 0 || row->audio_samples > DESY_AUDIO_SAMPLES) rc = desy_error(DESY_EDATA, "%s: %d samples of sound", path, row->audio_samples);
out:
    if (rc != DESY_OK) desy_store_row_free(row);
    return rc;
}

int desy_store_read_rows(desy_store *store, size_t first, size_t count, struct desy_store_row *rows)
{
    int rc = DESY_OK;
    size_t filled = 0;
    struct desy_video_record *batch = calloc(BATCH, sizeof *batch);
    if (!batch) return desy_error_memory("rows of the store");
    while (filled < count && rc == DESY_OK) {
        const size_t n = count - filled < BATCH ? count - filled : BATCH;
        DESY_TRY(desy_video_table_read(&store->videos, first + filled, n, batch));
        for (size_t i = 0; i < n && rc == DESY_OK; i++)
            if ((rc = fill_row(&rows[filled], &batch[i], store)) == DESY_OK) filled++;
        desy_video_table_reclaim(&store->videos, n, batch);
    }
out:
    for (size_t i = 0; i < filled && rc != DESY_OK; i++) desy_store_row_free(&rows[i]);
    free(batch);
    return rc;
}

static int hash_videos(desy_store *store, desy_sha256 *hash, struct desy_video_record *batch)
{
    for (size_t done = 0; done < store->videos.count; done += BATCH) {
        const size_t n = store->videos.count - done < BATCH ? store->videos.count - done : BATCH;
        int rc = desy_video_table_read(&store->videos, done, n, batch);
        if (rc != DESY_OK) return rc;
        for (size_t i = 0; i < n && rc == DESY_OK; i++) rc = desy_video_record_hash(hash, &batch[i], store->shape.frames);
        desy_video_table_reclaim(&store->videos, n, batch);
        if (rc != DESY_OK) return rc;
    }
    return DESY_OK;
}

static int hash_array(desy_store *store, desy_sha256 *hash, int array)
{
    int rc = DESY_OK;
    void *row = malloc(store->arrays[array].row_bytes);
    if (!row) return desy_error_memory("rows of the store");
    for (size_t i = 0; i < store->rows; i++) {
        DESY_TRY(array == DESY_ARRAY_FEATURES ? desy_store_read_features(store, i, 1, row) : desy_store_read_array(store, array, i, 1, row));
        DESY_TRY(desy_sha256_update(hash, row, store->arrays[array].row_bytes));
    }
out:
    free(row);
    return rc;
}

int desy_store_content_sha256(desy_store *store, char hex[65])
{
    int rc;
    desy_sha256 *hash = NULL;
    struct desy_video_record *batch = calloc(BATCH, sizeof *batch);
    if (!batch) DESY_TRY(desy_error_memory("rows of the store"));
    DESY_TRY(desy_sha256_open(&hash));
    DESY_TRY(hash_videos(store, hash, batch));
    for (int i = 0; i < store->array_count; i++) DESY_TRY(hash_array(store, hash, i));
    DESY_TRY(desy_sha256_finish(&hash, hex));
out:
    desy_sha256_close(&hash);
    free(batch);
    return rc;
}

int desy_store_verify(desy_store *store)
{
    for (size_t i = 0; i < store->segment_count; i++) {
        char relative[DESY_SEGMENT_PATH], sha256[DESY_SHA256_HEX];
        desy_segment_path(relative, store->segments[i].block);
        char *path = desy_path_join(store->directory, relative);
        int rc = path ? desy_sha256_file(sha256, path) : desy_error_memory("a path");
        if (rc == DESY_OK && strcmp(sha256, store->segments[i].sha256) != 0)
            rc = desy_error(DESY_EDATA, "%s: its bytes have changed since it was written; remove it and run the extract command again", path);
        free(path);
        if (rc != DESY_OK) return rc;
    }
    return DESY_OK;
}
