/* Writing one segment: the features and the rows of one block, by one process, through the serial HDF5 API. */
#include "features/store_layout.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "features/split.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct desy_segment {
    char *directory, *path, *temporary, *config_sha256;
    char relative[DESY_SEGMENT_PATH];
    uint64_t block;
    int frames, array_count;
    struct desy_store_array arrays[DESY_MOST_ARRAYS];
    hid_t datasets[DESY_MOST_ARRAYS]; /* of the arrays */
    hid_t file, videos, type;
    hsize_t rows, count;              /* of the arrays, of `videos` */
    uint64_t items, ok, last_item;    /* items, those with a row, and the id of the last one */
    bool last_ok;
    int16_t audio[DESY_AUDIO_SAMPLES]; /* one row, padded */
};

static int fail(const desy_segment *segment, const char *what)
{
    char text[DESY_HDF5_TEXT];
    return desy_error(DESY_EENV, "%s: cannot write %s: %s", segment->path, what, errno ? strerror(errno) : desy_hdf5_error(text));
}

/* An extensible dataset of `dimensions` sides whose first grows from 0. */
static hid_t growing(hid_t file, const char *name, hid_t type, int dimensions, const hsize_t *sides, const hsize_t *chunk)
{
    hsize_t none[5] = {0}, most[5] = {H5S_UNLIMITED};
    for (int i = 1; i < dimensions; i++) none[i] = most[i] = sides[i];
    hid_t space = H5Screate_simple(dimensions, none, most), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, dimensions, chunk);
    hid_t dataset = desy_hdf5_create_dataset(file, name, type, space, creation);
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
    segment->file = segment->videos = segment->type = -1;
    for (int i = 0; i < DESY_MOST_ARRAYS; i++) segment->datasets[i] = -1;
    segment->block = options->block, segment->frames = options->shape.frames;
    segment->array_count = desy_store_arrays(segment->arrays, &options->shape);
    desy_segment_path(segment->relative, options->block);
    segment->directory = strdup(options->directory);
    segment->config_sha256 = strdup(options->config_sha256);
    segment->path = desy_path_join(options->directory, segment->relative);
    segment->temporary = segment->path ? desy_format("%s.tmp", segment->path) : NULL;
    folder = segment->path ? desy_path_directory(segment->path) : NULL;
    if (!segment->directory || !segment->config_sha256 || !segment->temporary || !folder) DESY_TRY(desy_error_memory("a segment"));
    DESY_TRY(desy_make_directory(folder));
    errno = 0;
    segment->file = desy_hdf5_create_file(segment->temporary);
    segment->type = desy_video_type(segment->frames);
    hid_t group = segment->file < 0 ? -1 : H5Gcreate2(segment->file, "features", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group < 0) DESY_TRY(fail(segment, "a new segment"));
    H5Gclose(group);
    for (int i = 0; i < segment->array_count; i++) {
        const struct desy_store_array *array = &segment->arrays[i];
        const hsize_t chunk[5] = {1, array->sides[1], array->sides[2], array->sides[3], array->sides[4]};
        segment->datasets[i] = growing(segment->file, array->name, array->type, array->dimensions, array->sides, chunk);
        if (segment->datasets[i] < 0) DESY_TRY(fail(segment, array->name));
    }
    segment->videos = growing(segment->file, "videos", segment->type, 1, (const hsize_t[]){0}, (const hsize_t[]){64});
    if (segment->videos < 0) rc = fail(segment, "a new segment");
out:
    free(folder);
    if (rc != DESY_OK) desy_segment_abort(out);
    return rc;
}

/* Appends one element to a growing dataset. */
static int append(hid_t dataset, hid_t type, int dimensions, const hsize_t *shape, const void *data)
{
    hsize_t start[5] = {shape[0] - 1}, count[5] = {1};
    for (int i = 1; i < dimensions; i++) count[i] = shape[i];
    if (H5Dset_extent(dataset, shape) < 0) return -1;
    hid_t space = H5Dget_space(dataset), memory = H5Screate_simple(dimensions, count, NULL);
    herr_t bad = H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    if (bad >= 0) bad = H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, data);
    H5Sclose(memory);
    H5Sclose(space);
    return bad < 0 ? -1 : 0;
}

/* The arrays of a clip that was read. */
static int append_arrays(desy_segment *segment, const struct desy_clip *clip, const float *features)
{
    for (int i = 0; i < segment->array_count; i++) {
        const struct desy_store_array *array = &segment->arrays[i];
        hsize_t shape[5] = {segment->rows + 1};
        const void *data = i == DESY_ARRAY_FEATURES ? (const void *)features : strcmp(array->name, "crops") == 0 ? (const void *)clip->crops : segment->audio;
        if (data == segment->audio) {
            memset(segment->audio, 0, sizeof segment->audio);
            memcpy(segment->audio, clip->audio, (size_t)clip->audio_samples * sizeof *clip->audio);
        }
        for (int side = 1; side < array->dimensions; side++) shape[side] = array->sides[side];
        if (append(segment->datasets[i], array->memory, array->dimensions, shape, data) < 0) return fail(segment, array->name);
    }
    segment->rows++;
    return DESY_OK;
}

int desy_segment_append(desy_segment *segment, const struct desy_item *item, const struct desy_clip *clip, const float *features)
{
    bool good = clip->status == DESY_STATUS_OK;
    struct desy_video_record record = {.id = item->id, .video_path = item->video_path, .source = item->source, .group = item->group,
        .split = desy_split_name(item->split), .text = item->text, .status = desy_status_name(clip->status), .reason = clip->reason,
        .codec = clip->codec, .container = clip->container, .pixel_format = clip->pixel_format, .label = item->label,
        .n_frames = good ? clip->frames : 0, .width = clip->width, .height = clip->height, .row = good ? (int64_t)segment->rows : -1,
        .bit_rate = clip->bit_rate, .size = clip->size, .mtime_ns = clip->mtime_ns, .total_frames = clip->total_frames, .fps = clip->fps,
        .duration = clip->duration, .window = clip->window, .rotation = clip->rotation, .key_frames = clip->key_frames, .longest_gop = clip->longest_gop,
        .reordering = clip->reordering, .audio_samples = good ? clip->audio_samples : 0};
    for (int t = 0; good && t < clip->frames; t++) record.pts[t] = clip->pts[t], record.frame_index[t] = clip->frame_index[t];
    for (int t = good ? clip->frames : 0; t < segment->frames; t++) record.frame_index[t] = -1;
    errno = 0;
    const hsize_t list = segment->count + 1;
    const int rc = good ? append_arrays(segment, clip, features) : DESY_OK;
    if (rc != DESY_OK) return rc;
    if (append(segment->videos, segment->type, 1, &list, &record) < 0) return fail(segment, "the table of videos");
    if (segment->count++ == 0 || segment->last_item != item->id) segment->items++, segment->last_ok = false;
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
    if (segment->videos >= 0) bad |= H5Dclose(segment->videos);
    if (segment->type >= 0) bad |= H5Tclose(segment->type);
    if (segment->file >= 0) bad |= H5Fclose(segment->file);
    segment->file = segment->videos = segment->type = -1;
    return bad;
}

/* True if the file ends in the middle of a line, which a killed run leaves. */
static bool torn(int fd)
{
    char last = '\n';
    off_t end = lseek(fd, 0, SEEK_END);
    return end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n';
}

/* One line, by one write: a killed run leaves a torn last line at worst, which readers skip. */
static int add_to_manifest(const desy_segment *segment, int rank, const char *sha256, const char *inputs_sha256)
{
    int64_t size, mtime;
    desy_file_stamp(segment->path, &size, &mtime);
    char *path = desy_format("%s/manifest-%05d.jsonl", segment->directory, rank);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char *line = desy_format("\n{\"block\":%llu,\"file\":\"%s\",\"sha256\":\"%s\",\"bytes\":%lld,\"config_sha256\":\"%s\",\"inputs_sha256\":\"%s\","
                             "\"items\":%llu,\"ok\":%llu,\"failed\":%llu,\"videos\":%llu,\"rows\":%llu,\"made_us\":%lld}\n",
                             (unsigned long long)segment->block, segment->relative, sha256, (long long)size, segment->config_sha256, inputs_sha256,
                             (unsigned long long)segment->items, (unsigned long long)segment->ok, (unsigned long long)(segment->items - segment->ok),
                             (unsigned long long)segment->count, (unsigned long long)segment->rows,
                             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    int rc = path && line ? DESY_OK : desy_error_memory("the manifest");
    errno = 0;
    int fd = rc == DESY_OK ? open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    const char *from = fd >= 0 && torn(fd) ? line : line ? line + 1 : NULL;
    if (rc == DESY_OK && (fd < 0 || write(fd, from, strlen(from)) != (ssize_t)strlen(from) || fsync(fd) != 0))
        rc = desy_error(DESY_EENV, "%s: cannot be written: %s", path, strerror(errno ? errno : ENOSPC));
    if (fd >= 0) close(fd);
    free(path);
    free(line);
    return rc;
}

int desy_segment_commit(desy_segment **out, int rank, const char *inputs_sha256)
{
    int rc = DESY_OK;
    char sha256[DESY_SHA256_HEX];
    desy_segment *segment = *out;
    errno = 0;
    if (close_file(segment) < 0) rc = fail(segment, "the last bytes");
    if (rc == DESY_OK) rc = desy_sha256_file(sha256, segment->temporary);
    if (rc == DESY_OK) rc = desy_rename_durable(segment->temporary, segment->path);
    if (rc == DESY_OK) rc = add_to_manifest(segment, rank, sha256, inputs_sha256);
    desy_segment_abort(out);
    return rc;
}

void desy_segment_abort(desy_segment **out)
{
    desy_segment *segment = *out;
    if (!segment) return;
    close_file(segment);
    if (segment->temporary) unlink(segment->temporary);
    free(segment->directory);
    free(segment->path);
    free(segment->temporary);
    free(segment->config_sha256);
    free(segment);
    *out = NULL;
}
