/* Writing one segment: the features and the rows of one block, by one process, through the serial HDF5 API. A row of an array is one chunk, which
 * goes to the file as it lies in memory, past HDF5's caches; `videos` is collected, and written at the end in one piece. */
#include "features/store_segment.h"

#include "base/error.h"
#include "base/file.h"
#include "features/split.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail(const desy_segment *segment, const char *what)
{
    char text[DESY_HDF5_TEXT];
    return desy_error(DESY_EENV, "%s: cannot write %s: %s", segment->path, what, errno ? strerror(errno) : desy_hdf5_error(text));
}

/* An extensible array, a chunk a row. */
static hid_t growing(hid_t file, const struct desy_store_array *array)
{
    hsize_t none[5] = {0}, most[5] = {H5S_UNLIMITED}, chunk[5] = {1};
    for (int i = 1; i < array->dimensions; i++) none[i] = most[i] = chunk[i] = array->sides[i];
    hid_t space = H5Screate_simple(array->dimensions, none, most), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, array->dimensions, chunk);
    hid_t dataset = desy_hdf5_create_dataset(file, array->name, array->type, space, creation);
    H5Pclose(creation);
    H5Sclose(space);
    return dataset;
}

int desy_segment_open(desy_segment **out, const struct desy_segment_options *options)
{
    int rc;
    char *folder = NULL;
    desy_hdf5_setup();
    desy_segment *segment = *out = calloc(1, sizeof *segment);
    if (!segment) return desy_error_memory("a segment");
    segment->file = -1;
    for (int i = 0; i < DESY_MOST_ARRAYS; i++) segment->datasets[i] = -1;
    segment->block = options->block, segment->after_us = options->after_us, segment->frames = options->shape.frames;
    segment->array_count = desy_store_arrays(segment->arrays, &options->shape);
    desy_segment_path(segment->relative, options->block);
    segment->directory = strdup(options->directory);
    segment->config_sha256 = strdup(options->config_sha256);
    segment->dataset_sha256 = strdup(options->dataset_sha256);
    segment->path = desy_path_join(options->directory, segment->relative);
    segment->temporary = segment->path ? desy_temporary_name(segment->path) : NULL;
    folder = segment->path ? desy_path_directory(segment->path) : NULL;
    if (!segment->directory || !segment->config_sha256 || !segment->dataset_sha256 || !segment->temporary || !folder) DESY_TRY(desy_error_memory("a segment"));
    DESY_TRY(desy_make_directory(folder));
    errno = 0;
    segment->file = desy_hdf5_create_file(segment->temporary);
    hid_t group = segment->file < 0 ? -1 : H5Gcreate2(segment->file, "features", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group < 0) DESY_TRY(fail(segment, "a new segment"));
    H5Gclose(group);
    for (int i = 0; i < segment->array_count; i++)
        if ((segment->datasets[i] = growing(segment->file, &segment->arrays[i])) < 0) DESY_TRY(fail(segment, segment->arrays[i].name));
out:
    free(folder);
    if (rc != DESY_OK) desy_segment_abort(out);
    return rc;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows go to the file as they lie in memory, and the file is little-endian");

/* Row rows - 1 of an array. */
static int append(hid_t dataset, const struct desy_store_array *array, hsize_t rows, const void *data)
{
    hsize_t shape[5] = {rows};
    const hsize_t start[5] = {rows - 1};
    for (int i = 1; i < array->dimensions; i++) shape[i] = array->sides[i];
    if (H5Dset_extent(dataset, shape) < 0) return -1;
    return H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, start, array->row_bytes, data) < 0 ? -1 : 0;
}

/* The arrays of a clip that was read. */
static int append_arrays(desy_segment *segment, const struct desy_clip *clip, const float *features)
{
    for (int i = 0; i < segment->array_count; i++) {
        const struct desy_store_array *array = &segment->arrays[i];
        const void *data = i == DESY_ARRAY_FEATURES ? (const void *)features : strcmp(array->name, "crops") == 0 ? (const void *)clip->crops : segment->audio;
        if (data == segment->audio) {
            memset(segment->audio, 0, sizeof segment->audio);
            memcpy(segment->audio, clip->audio, (size_t)clip->audio_samples * sizeof *clip->audio);
        }
        if (append(segment->datasets[i], array, segment->rows + 1, data) < 0) return fail(segment, array->name);
    }
    segment->rows++;
    return DESY_OK;
}

/* A copy that outlives what `record` borrows. */
static int keep_video(desy_segment *segment, const struct desy_video_record *record)
{
    struct desy_video_record kept = *record;
    const char **const texts[] = {&kept.video_path, &kept.source, &kept.group, &kept.text, &kept.reason, &kept.codec, &kept.container, &kept.muxer, &kept.pixel_format};
    size_t size = 0;
    if (segment->count == segment->room) {
        const size_t room = segment->room ? 2 * segment->room : 16;
        struct desy_video_record *larger = realloc(segment->videos, room * sizeof *larger);
        if (!larger) return desy_error_memory("a segment");
        segment->videos = larger, segment->room = room;
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) size += strlen(*texts[i]) + 1;
    char *to = malloc(size);
    if (!to) return desy_error_memory("a segment");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *from = *texts[i];
        *texts[i] = to;
        to = stpcpy(to, from) + 1;
    }
    segment->videos[segment->count++] = kept;
    return DESY_OK;
}

int desy_segment_append(desy_segment *segment, const struct desy_item *item, const struct desy_clip *clip, const float *features)
{
    bool good = clip->status == DESY_STATUS_OK;
    struct desy_video_record record = {.id = item->id, .video_path = item->video_path, .source = item->source, .group = item->group,
        .split = desy_split_name(item->split), .text = item->text, .status = desy_status_name(clip->status), .reason = clip->reason,
        .codec = clip->codec, .container = clip->container, .muxer = clip->muxer, .pixel_format = clip->pixel_format, .label = item->label,
        .n_frames = good ? clip->frames : 0, .width = clip->width, .height = clip->height, .row = good ? (int64_t)segment->rows : -1,
        .bit_rate = clip->bit_rate, .size = clip->size, .mtime_ns = clip->mtime_ns, .total_frames = clip->total_frames, .fps = clip->fps,
        .duration = clip->duration, .window = clip->window, .view = clip->view, .rotation = clip->rotation, .key_frames = clip->key_frames, .longest_gop = clip->longest_gop,
        .reordering = clip->reordering, .audio_samples = good ? clip->audio_samples : 0};
    for (int t = 0; good && t < clip->frames; t++) record.pts[t] = clip->pts[t], record.frame_index[t] = clip->frame_index[t];
    for (int t = good ? clip->frames : 0; t < segment->frames; t++) record.frame_index[t] = -1;
    errno = 0;
    int rc = good ? append_arrays(segment, clip, features) : DESY_OK;
    if (rc == DESY_OK) rc = keep_video(segment, &record);
    if (rc != DESY_OK) return rc;
    if (segment->count == 1 || segment->last_item != item->id) segment->items++, segment->last_ok = false;
    segment->ok += good && !segment->last_ok;
    segment->last_ok |= good;
    segment->last_item = item->id;
    return DESY_OK;
}

/* Closes what HDF5 holds open; a failure to flush shows here. */
static herr_t close_file(desy_segment *segment)
{
    herr_t bad = 0;
    for (int i = 0; i < DESY_MOST_ARRAYS; i++) {
        if (segment->datasets[i] >= 0) bad |= H5Dclose(segment->datasets[i]);
        segment->datasets[i] = -1;
    }
    desy_video_table_close(&segment->table);
    if (segment->file >= 0) bad |= H5Fclose(segment->file);
    segment->file = -1;
    return bad;
}

static int write_videos(desy_segment *segment)
{
    int rc = desy_video_table_create(&segment->table, segment->file, segment->count, segment->frames, segment->path);
    return rc == DESY_OK ? desy_video_table_write(&segment->table, 0, segment->count, segment->videos) : rc;
}

int desy_segment_finish(desy_segment *segment)
{
    errno = 0;
    int rc = write_videos(segment);
    if (close_file(segment) < 0 && rc == DESY_OK) rc = fail(segment, "the last bytes");
    return rc;
}

void desy_segment_abort(desy_segment **out)
{
    desy_segment *segment = *out;
    if (!segment) return;
    close_file(segment);
    if (segment->temporary) unlink(segment->temporary);
    for (hsize_t i = 0; i < segment->count; i++) free((char *)segment->videos[i].video_path);
    free(segment->videos);
    free(segment->directory);
    free(segment->path);
    free(segment->temporary);
    free(segment->config_sha256);
    free(segment->dataset_sha256);
    free(segment);
    *out = NULL;
}
