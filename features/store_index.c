/* index.h5: the tables of all segments in one, and a virtual dataset that joins their features. */
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "features/store_rows.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256 /* rows of `videos` in memory at once */

struct index {
    const char *directory;
    const struct desy_store_shape *shape;
    struct desy_store_array arrays[DESY_MOST_ARRAYS];
    int array_count;
    char *path, *temporary;
    hid_t file, layouts[DESY_MOST_ARRAYS]; /* layouts: the creation property lists that collect the mappings */
    struct desy_video_table videos;
    struct desy_segment_record *segments;
    struct desy_video_record *batch;
    struct desy_atomic_file quarantine;
    uint64_t count, rows; /* of `videos` and of the arrays, in all */
    uint64_t next, next_row;
};

static int fail(const struct index *index, const char *what)
{
    char text[DESY_HDF5_TEXT];
    return desy_error(DESY_EENV, "%s: %s cannot be written: %s", index->path, what, desy_hdf5_error(text));
}

/* What identifies the segments, and their number. */
static int segments_sha256(char hex[65], const struct desy_block_record *records, size_t blocks)
{
    int rc;
    desy_sha256 *hash = NULL;
    DESY_TRY(desy_sha256_open(&hash));
    for (size_t block = 0; block < blocks; block++) DESY_TRY(desy_sha256_update(hash, records[block].sha256, sizeof records[block].sha256));
    DESY_TRY(desy_sha256_finish(&hash, hex));
out:
    desy_sha256_close(&hash);
    return rc;
}

/* The arrays of an open segment must have the shapes that the manifest promises. */
static int check_arrays(const struct index *index, hid_t segment, uint64_t rows, const char *path)
{
    for (int i = 0; i < index->array_count; i++) {
        const struct desy_store_array *array = &index->arrays[i];
        hid_t dataset = H5Dopen2(segment, array->name, H5P_DEFAULT);
        const bool good = desy_store_array_fits(array, dataset, rows);
        if (dataset >= 0) H5Dclose(dataset);
        if (!good)
            return desy_error(DESY_EDATA, "%s: has not the %llu rows of %s that its manifest lists; remove that file and run the extract command again", path,
                              (unsigned long long)rows, array->name);
    }
    return DESY_OK;
}

static int quarantine(struct index *index, const struct desy_video_record *record)
{
    char id[17];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)record->id);
    cJSON *line = cJSON_CreateObject();
    bool ok = line && cJSON_AddStringToObject(line, "id", id) && cJSON_AddStringToObject(line, "video_path", record->video_path) && cJSON_AddNumberToObject(line, "window", record->window) &&
              (record->view == 0 || cJSON_AddNumberToObject(line, "view", record->view)) &&
              cJSON_AddStringToObject(line, "status", record->status) && cJSON_AddStringToObject(line, "reason", record->reason);
    char *text = ok ? cJSON_PrintUnformatted(line) : NULL;
    cJSON_Delete(line);
    if (!text) return desy_error_memory("the list of failed items");
    fprintf(index->quarantine.stream, "%s\n", text); /* commit looks at ferror */
    cJSON_free(text);
    return DESY_OK;
}

/* One batch of a segment's rows, numbered anew. */
static int copy_rows(struct index *index, const struct desy_video_table *from, size_t first, size_t count)
{
    int rc = desy_video_table_read(from, first, count, index->batch);
    if (rc != DESY_OK) return rc;
    for (size_t i = 0; i < count && rc == DESY_OK; i++) {
        if (index->batch[i].row < 0) rc = quarantine(index, &index->batch[i]);
        else index->batch[i].row = (int64_t)index->next_row++;
    }
    if (rc == DESY_OK) rc = desy_video_table_write(&index->videos, index->next, count, index->batch);
    index->next += count;
    desy_video_table_reclaim(from, count, index->batch);
    return rc;
}

static int map_array(struct index *index, int i, const char *relative, uint64_t first, uint64_t rows)
{
    const struct desy_store_array *array = &index->arrays[i];
    hsize_t all[5] = {index->rows}, part[5] = {rows}, start[5] = {first};
    for (int side = 1; side < array->dimensions; side++) all[side] = part[side] = array->sides[side];
    hid_t whole = H5Screate_simple(array->dimensions, all, NULL), source = H5Screate_simple(array->dimensions, part, NULL);
    herr_t bad = H5Sselect_hyperslab(whole, H5S_SELECT_SET, start, NULL, part, NULL);
    if (bad >= 0) bad = H5Pset_virtual(index->layouts[i], whole, relative, array->name, source);
    int rc = bad < 0 ? fail(index, "a mapping") : DESY_OK;
    H5Sclose(source);
    H5Sclose(whole);
    return rc;
}

static int add_segment(struct index *index, uint64_t block, const struct desy_block_record *record)
{
    int rc;
    char relative[DESY_SEGMENT_PATH];
    struct desy_video_table table = {0};
    const uint64_t first = index->next_row;
    desy_segment_path(relative, block);
    char *path = desy_path_join(index->directory, relative);
    if (!path) return desy_error_memory("the index");
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    char text[DESY_HDF5_TEXT];
    if (file < 0) DESY_TRY(desy_error(DESY_EDATA, "%s: cannot be read: %s; run the extract command again", path, desy_hdf5_error(text)));
    DESY_TRY(check_arrays(index, file, record->rows, path));
    DESY_TRY(desy_video_table_open(&table, file, index->shape->frames, path));
    if (table.count != record->videos) DESY_TRY(desy_error(DESY_EDATA, "%s: has %zu clips, its manifest lists %u", path, table.count, record->videos));
    for (size_t done = 0; done < table.count; done += BATCH)
        DESY_TRY(copy_rows(index, &table, done, table.count - done < BATCH ? table.count - done : BATCH));
    if (index->next_row - first != record->rows) DESY_TRY(desy_error(DESY_EDATA, "%s: its rows do not agree with its manifest", path));
    for (int i = 0; i < index->array_count && record->rows > 0; i++) DESY_TRY(map_array(index, i, relative, first, record->rows));
    struct desy_segment_record *segment = &index->segments[block];
    *segment = (struct desy_segment_record){.block = block, .first_row = first, .rows = record->rows, .items = record->items,
                                             .videos = record->videos, .bytes = record->bytes};
    memcpy(segment->sha256, record->sha256, sizeof segment->sha256);
out:
    desy_video_table_close(&table);
    if (file >= 0) H5Fclose(file);
    free(path);
    return rc;
}

static int write_segments(struct index *index, size_t blocks)
{
    const hsize_t length = blocks;
    hid_t type = desy_segment_type(), space = H5Screate_simple(1, &length, NULL);
    hid_t dataset = desy_hdf5_create_dataset(index->file, "segments", type, space, H5P_DEFAULT);
    bool ok = dataset >= 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, index->segments) >= 0;
    int rc = ok ? DESY_OK : fail(index, "the list of segments");
    if (dataset >= 0) H5Dclose(dataset);
    H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    return rc;
}

static int write_array(struct index *index, int i)
{
    const struct desy_store_array *array = &index->arrays[i];
    hsize_t all[5] = {index->rows};
    for (int side = 1; side < array->dimensions; side++) all[side] = array->sides[side];
    hid_t space = H5Screate_simple(array->dimensions, all, NULL);
    /* Without a single row there is nothing to map: an empty ordinary dataset. */
    hid_t dataset = desy_hdf5_create_dataset(index->file, array->name, array->type, space, index->rows ? index->layouts[i] : H5P_DEFAULT);
    int rc = dataset < 0 ? fail(index, array->name) : DESY_OK;
    if (dataset >= 0) H5Dclose(dataset);
    H5Sclose(space);
    return rc;
}

static int write_arrays(struct index *index)
{
    hid_t group = H5Gcreate2(index->file, "features", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    int rc = group < 0 ? fail(index, "the features") : DESY_OK;
    if (group >= 0) H5Gclose(group);
    for (int i = 0; i < index->array_count && rc == DESY_OK; i++) rc = write_array(index, i);
    return rc;
}

static int write_attributes(struct index *index, const struct desy_block_record *records, size_t blocks, const cJSON *provenance)
{
    int rc;
    char sha256[DESY_SHA256_HEX];
    const cJSON *member;
    DESY_TRY(segments_sha256(sha256, records, blocks));
    if (desy_hdf5_write_text(index->file, "segments_sha256", sha256) < 0 || desy_hdf5_write_text(index->file, "extractor", index->shape->extractor) < 0 ||
        desy_hdf5_write_text(index->file, "layout", DESY_STORE_LAYOUT) < 0)
        DESY_TRY(fail(index, "an attribute"));
    cJSON_ArrayForEach(member, provenance) {
        if (strcmp(member->string, "extractor") == 0 || strcmp(member->string, "layout") == 0) continue;
        char *text = cJSON_IsString(member) ? strdup(member->valuestring) : cJSON_PrintUnformatted(member);
        if (!text) DESY_TRY(desy_error_memory("an attribute"));
        if (desy_hdf5_write_text(index->file, member->string, text) < 0) rc = fail(index, "an attribute");
        free(text);
        DESY_TRY(rc);
    }
out:
    return rc;
}

static int open_index(struct index *index, const struct desy_block_record *records, size_t blocks)
{
    int rc = DESY_OK;
    char *list = desy_path_join(index->directory, "quarantine.jsonl");
    desy_hdf5_setup();
    index->path = desy_path_join(index->directory, "index.h5");
    index->temporary = index->path ? desy_temporary_name(index->path) : NULL;
    index->segments = calloc(blocks, sizeof *index->segments);
    index->batch = calloc(BATCH, sizeof *index->batch);
    for (int i = 0; i < index->array_count; i++) index->layouts[i] = H5Pcreate(H5P_DATASET_CREATE);
    if (!list || !index->path || !index->temporary || !index->segments || !index->batch) DESY_TRY(desy_error_memory("the index"));
    for (size_t block = 0; block < blocks; block++) {
        if (!records[block].listed) DESY_TRY(desy_error(DESY_EDATA, "%s: block %zu is missing; run the extract command again", index->directory, block));
        index->count += records[block].videos, index->rows += records[block].rows;
    }
    DESY_TRY(desy_atomic_open(&index->quarantine, list));
    index->file = desy_hdf5_create_file(index->temporary);
    if (index->file < 0) DESY_TRY(fail(index, "the file"));
    DESY_TRY(desy_video_table_create(&index->videos, index->file, index->count, index->shape->frames, index->path));
out:
    free(list);
    return rc;
}

static int close_index(struct index *index)
{
    desy_video_table_close(&index->videos);
    herr_t bad = H5Fclose(index->file);
    index->file = -1;
    int rc = bad < 0 ? fail(index, "the end") : DESY_OK;
    if (rc == DESY_OK) rc = desy_atomic_commit(&index->quarantine);
    return rc == DESY_OK ? desy_rename_durable(index->temporary, index->path) : rc;
}

int desy_store_index(const char *directory, const struct desy_block_record *records, size_t blocks, const struct desy_store_shape *shape,
                     const cJSON *provenance)
{
    int rc;
    struct index index = {.directory = directory, .shape = shape, .file = -1, .layouts = {-1, -1, -1}};
    index.array_count = desy_store_arrays(index.arrays, shape);
    DESY_TRY(open_index(&index, records, blocks));
    for (size_t block = 0; block < blocks; block++) DESY_TRY(add_segment(&index, block, &records[block]));
    DESY_TRY(write_segments(&index, blocks));
    DESY_TRY(write_arrays(&index));
    DESY_TRY(write_attributes(&index, records, blocks, provenance));
    DESY_TRY(close_index(&index));
out:
    desy_video_table_close(&index.videos);
    if (index.file >= 0) H5Fclose(index.file);
    for (int i = 0; i < DESY_MOST_ARRAYS; i++)
        if (index.layouts[i] >= 0) H5Pclose(index.layouts[i]);
    desy_atomic_abort(&index.quarantine);
    if (index.temporary) unlink(index.temporary);
    free(index.path);
    free(index.temporary);
    free(index.segments);
    free(index.batch);
    return rc;
}

bool desy_store_index_current(const char *directory, const struct desy_block_record *records, size_t blocks)
{
    char sha256[DESY_SHA256_HEX], *path = desy_path_join(directory, "index.h5"), *made_of = NULL;
    desy_hdf5_setup();
    hid_t file = path && desy_file_exists(path) ? H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT) : -1;
    if (file >= 0) made_of = desy_hdf5_read_text(file, "segments_sha256");
    bool current = made_of && segments_sha256(sha256, records, blocks) == DESY_OK && strcmp(made_of, sha256) == 0;
    if (file >= 0) H5Fclose(file);
    free(made_of);
    free(path);
    return current;
}

int desy_store_index_remove(const char *directory)
{
    char *path = desy_path_join(directory, "index.h5");
    if (!path) return desy_error_memory("a path");
    int rc = unlink(path) != 0 && errno != ENOENT ? desy_error(DESY_EENV, "%s: cannot be removed: %s", path, strerror(errno)) : DESY_OK;
    free(path);
    return rc;
}

static void remove_older(const char *directory, const char *names, time_t seconds)
{
    glob_t found = {0};
    char *pattern = desy_path_join(directory, names);
    if (pattern && glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) {
            int64_t size, mtime_ns;
            desy_file_stamp(found.gl_pathv[i], &size, &mtime_ns);
            if (time(NULL) - mtime_ns / 1000000000 >= seconds) unlink(found.gl_pathv[i]);
        }
    globfree(&found);
    free(pattern);
}

void desy_store_sweep(const char *directory, bool alone)
{
    const time_t hour = 3600; /* a file that somebody is writing is younger */
    remove_older(directory, "seg/*/*.h5.tmp*", alone ? 0 : hour);
    remove_older(directory, "index.h5.tmp.*", hour);
    remove_older(directory, "quarantine.jsonl.tmp.*", hour);
    remove_older(directory, "extract.json.tmp.*", hour);
}
