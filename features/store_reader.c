/* Reading a store. Arrays are read from the segments themselves, since HDF5 fills what a virtual dataset's missing source
 * should hold with zeros and says nothing. */
#include "base/error.h"
#include "base/file.h"
#include "base/finite.h"
#include "features/store_reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int bad_store(const desy_store *store, const char *what)
{
    char text[DESY_HDF5_TEXT];
    return desy_error(DESY_EDATA, "%s: %s: %s", store->path, what, desy_hdf5_error(text));
}

static int open_file(desy_store *store)
{
    if (!desy_is_directory(store->directory)) return desy_error(DESY_EDATA, "%s: there is no such store (a directory that `desy extract` made)", store->directory);
    if (!desy_file_exists(store->path)) {
        char *config = desy_path_join(store->directory, "extract.json");
        bool begun = config && desy_file_exists(config);
        free(config);
        return begun ? desy_error(DESY_EDATA, "%s: this store is not finished: run the same extract command again", store->directory)
                     : desy_error(DESY_EDATA, "%s: is not a feature store: it has no index.h5", store->directory);
    }
    store->file = H5Fopen(store->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    return store->file < 0 ? bad_store(store, "cannot be read") : DESY_OK;
}

/* Other layouts have other columns: nothing of them is read. */
static int check_layout(const desy_store *store)
{
    char *layout = desy_hdf5_read_text(store->file, "layout");
    int rc = layout && strcmp(layout, DESY_STORE_LAYOUT) == 0
                 ? DESY_OK
                 : desy_error(DESY_EDATA, "%s: this store has layout %s and this version reads %s: extract the videos again, into another directory", store->directory,
                              layout ? layout : "1", DESY_STORE_LAYOUT);
    free(layout);
    return rc;
}

static bool has_array(const desy_store *store, const char *name)
{
    return H5Lexists(store->file, name, H5P_DEFAULT) > 0;
}

/* T, D and N from the virtual dataset, and which arrays there are. */
static int read_shape(desy_store *store)
{
    hsize_t sides[3] = {0};
    char *name = NULL;
    store->extractor = desy_hdf5_read_text(store->file, "extractor");
    if (!store->extractor || strlen(store->extractor) > 64) return bad_store(store, "is not a feature store's index");
    int rc = check_layout(store);
    if (rc != DESY_OK) return rc;
    if (!(name = desy_format("features/%s", store->extractor))) return desy_error_memory(store->path);
    hid_t dataset = H5Dopen2(store->file, name, H5P_DEFAULT), space = dataset < 0 ? -1 : H5Dget_space(dataset);
    bool good = space >= 0 && H5Sget_simple_extent_ndims(space) == 3 && H5Sget_simple_extent_dims(space, sides, NULL) == 3 && sides[1] > 0 &&
                sides[1] <= DESY_MAX_FRAMES && sides[2] > 0 && sides[2] < 1 << 20;
    if (space >= 0) H5Sclose(space);
    if (dataset >= 0) H5Dclose(dataset);
    free(name);
    if (!good) return bad_store(store, "has no features of the right shape");
    store->rows = (size_t)sides[0];
    store->shape = (struct desy_store_shape){.extractor = store->extractor, .frames = (int)sides[1], .dims = (int)sides[2], .crops = has_array(store, "crops"), .audio = has_array(store, "audio")};
    store->array_count = desy_store_arrays(store->arrays, &store->shape);
    for (int i = 0; good && i < store->array_count; i++) {
        dataset = H5Dopen2(store->file, store->arrays[i].name, H5P_DEFAULT);
        good = desy_store_array_fits(&store->arrays[i], dataset, store->rows);
        if (dataset >= 0) H5Dclose(dataset);
    }
    return good ? DESY_OK : bad_store(store, "its arrays are not all of the same clips");
}

static int read_segments(desy_store *store)
{
    hsize_t count = 0;
    hid_t dataset = H5Dopen2(store->file, "segments", H5P_DEFAULT), space = dataset < 0 ? -1 : H5Dget_space(dataset), type = desy_segment_type();
    bool good = space >= 0 && H5Sget_simple_extent_ndims(space) == 1 && H5Sget_simple_extent_dims(space, &count, NULL) == 1 && count > 0;
    store->segments = calloc(count ? count : 1, sizeof *store->segments);
    int rc = store->segments ? DESY_OK : desy_error_memory(store->path);
    if (rc == DESY_OK && (!good || type < 0 || H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, store->segments) < 0))
        rc = bad_store(store, "has no list of segments");
    store->segment_count = (size_t)count;
    if (type >= 0) H5Tclose(type);
    if (space >= 0) H5Sclose(space);
    if (dataset >= 0) H5Dclose(dataset);
    return rc;
}

/* The files are there, as large as they were, and their rows follow on each other up to M and N. */
static int check_segments(desy_store *store)
{
    uint64_t videos = 0, rows = 0;
    store->made = calloc(store->segment_count + 1, sizeof *store->made);
    if (!store->made) return desy_error_memory(store->path);
    for (size_t i = 0; i < store->segment_count; i++) {
        const struct desy_segment_record *segment = &store->segments[i];
        char relative[DESY_SEGMENT_PATH];
        int64_t size;
        desy_segment_path(relative, segment->block);
        char *path = desy_path_join(store->directory, relative);
        if (!path) return desy_error_memory("a path");
        desy_file_stamp(path, &size, &store->made[i]);
        int rc = size == segment->bytes ? DESY_OK
                                        : desy_error(DESY_EDATA, "%s: %s; run the extract command again, it makes just that segment anew", path,
                                                     size < 0 ? "is missing" : "has changed its size");
        free(path);
        if (rc != DESY_OK) return rc;
        if (segment->first_row != rows) return desy_error(DESY_EDATA, "%s: its list of segments has a gap", store->path);
        videos += segment->videos, rows += segment->rows, store->items += (size_t)segment->items;
    }
    if (videos == store->videos.count && rows == store->rows) return DESY_OK;
    return desy_error(DESY_EDATA, "%s: its tables do not agree: remove that file and run the extract command again", store->path);
}

int desy_store_open(desy_store **out, const char *directory)
{
    int rc;
    desy_hdf5_setup();
    desy_store *store = *out = calloc(1, sizeof *store);
    if (!store) return desy_error_memory("a store");
    store->file = store->access = -1;
    for (int k = 0; k < DESY_OPEN_SEGMENTS; k++) {
        store->open[k].file = -1;
        for (int i = 0; i < DESY_MOST_ARRAYS; i++) store->open[k].arrays[i] = -1;
    }
    store->directory = strdup(directory);
    store->path = desy_path_join(directory, "index.h5");
    if (!store->directory || !store->path) DESY_TRY(desy_error_memory("a store"));
    store->access = H5Pcreate(H5P_DATASET_ACCESS);
    if (store->access < 0 || H5Pset_chunk_cache(store->access, 0, 0, 1) < 0) DESY_TRY(desy_error_memory("a store"));
    desy_file_stamp(store->path, &store->index_size, &store->index_made);
    DESY_TRY(open_file(store));
    DESY_TRY(read_shape(store));
    DESY_TRY(desy_video_table_open(&store->videos, store->file, store->shape.frames, store->path));
    DESY_TRY(read_segments(store));
    DESY_TRY(check_segments(store));
out:
    if (rc != DESY_OK) desy_store_close(out);
    return rc;
}

static int check_stamp(const desy_store *store, const char *path, int64_t size, int64_t made)
{
    int64_t size_now, made_now;
    desy_file_stamp(path, &size_now, &made_now);
    if (size_now == size && made_now == made) return DESY_OK;
    return desy_error(DESY_EDATA, "%s: %s while %s was being read: nothing that was made of it can be trusted; let nothing write there, run the extract command again, and start anew", path,
                      size_now < 0 ? "has gone" : size_now < size ? "has shrunk" : "has changed", store->directory);
}

int desy_store_check_unchanged(const desy_store *store)
{
    int rc = check_stamp(store, store->path, store->index_size, store->index_made);
    for (size_t i = 0; rc == DESY_OK && i < store->segment_count; i++) {
        char relative[DESY_SEGMENT_PATH];
        desy_segment_path(relative, store->segments[i].block);
        char *path = desy_path_join(store->directory, relative);
        rc = path ? check_stamp(store, path, store->segments[i].bytes, store->made[i]) : desy_error_memory("a path");
        free(path);
    }
    return rc;
}

size_t desy_store_items(const desy_store *store)
{
    return store->items;
}

size_t desy_store_videos(const desy_store *store)
{
    return store->videos.count;
}

size_t desy_store_rows(const desy_store *store)
{
    return store->rows;
}

int desy_store_frames(const desy_store *store)
{
    return store->shape.frames;
}

int desy_store_dims(const desy_store *store)
{
    return store->shape.dims;
}

const char *desy_store_extractor(const desy_store *store)
{
    return store->extractor;
}

const struct desy_store_shape *desy_store_shape(const desy_store *store)
{
    return &store->shape;
}

static void close_segment(struct desy_open_segment *segment)
{
    for (int i = 0; i < DESY_MOST_ARRAYS; i++) {
        if (segment->arrays[i] >= 0) H5Dclose(segment->arrays[i]);
        segment->arrays[i] = -1;
    }
    if (segment->file >= 0) H5Fclose(segment->file);
    segment->file = -1;
}

static int open_segment(desy_store *store, size_t index)
{
    int rc = DESY_OK;
    char relative[DESY_SEGMENT_PATH], text[DESY_HDF5_TEXT], *path = NULL;
    struct desy_open_segment *segment = &store->open[index % DESY_OPEN_SEGMENTS];
    if (segment->file >= 0 && segment->index == index) return DESY_OK;
    close_segment(segment);
    desy_segment_path(relative, store->segments[index].block);
    path = desy_path_join(store->directory, relative);
    if (!path) DESY_TRY(desy_error_memory("a path"));
    segment->index = index;
    segment->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (segment->file < 0) DESY_TRY(desy_error(DESY_EDATA, "%s: cannot be read: %s", path, desy_hdf5_error(text)));
    for (int i = 0; i < store->array_count; i++) {
        segment->arrays[i] = H5Dopen2(segment->file, store->arrays[i].name, store->access);
        if (!desy_store_array_fits(&store->arrays[i], segment->arrays[i], store->segments[index].rows))
            DESY_TRY(desy_error(DESY_EDATA, "%s: has not the %s that the index says; remove that file and run the extract command again", path, store->arrays[i].name));
    }
out:
    if (rc != DESY_OK) close_segment(segment);
    free(path);
    return rc;
}

static int read_part(desy_store *store, int i, size_t index, size_t first, size_t count, void *rows)
{
    int rc = open_segment(store, index);
    if (rc != DESY_OK) return rc;
    const struct desy_store_array *array = &store->arrays[i];
    hsize_t start[5] = {first - store->segments[index].first_row}, part[5] = {count};
    for (int side = 1; side < array->dimensions; side++) part[side] = array->sides[side];
    const hid_t from = store->open[index % DESY_OPEN_SEGMENTS].arrays[i];
    hid_t space = H5Dget_space(from), memory = H5Screate_simple(array->dimensions, part, NULL);
    bool ok = H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, part, NULL) >= 0 &&
              H5Dread(from, array->memory, memory, space, H5P_DEFAULT, rows) >= 0;
    H5Sclose(memory);
    H5Sclose(space);
    return ok ? DESY_OK : bad_store(store, "an array of a segment cannot be read");
}

int desy_store_read_array(desy_store *store, int i, size_t first, size_t count, void *rows)
{
    char *next = rows;
    size_t low = 0, high = store->segment_count;
    if (first > store->rows || count > store->rows - first)
        return desy_error(DESY_EUSAGE, "%s: rows %zu to %zu of %zu were asked for", store->path, first, first + count, store->rows);
    while (high - low > 1) { /* the last segment that starts at or before `first` */
        size_t middle = low + (high - low) / 2;
        if (store->segments[middle].first_row <= first) low = middle;
        else high = middle;
    }
    for (; count > 0; low++) {
        const struct desy_segment_record *segment = &store->segments[low];
        size_t part = (size_t)(segment->first_row + segment->rows - first);
        if (part > count) part = count;
        if (part == 0) continue;
        int rc = read_part(store, i, low, first, part, next);
        if (rc != DESY_OK) return rc;
        first += part, count -= part, next += part * store->arrays[i].row_bytes;
    }
    return DESY_OK;
}

int desy_store_read_features(desy_store *store, size_t first, size_t count, float *features)
{
    const size_t row = (size_t)store->shape.frames * (size_t)store->shape.dims;
    int rc = desy_store_read_array(store, DESY_ARRAY_FEATURES, first, count, features);
    for (size_t i = 0; rc == DESY_OK && i < count; i++)
        if (!desy_all_finite(features + i * row, row)) return desy_error(DESY_EDATA, "%s: row %zu of the features holds a value that is not finite", store->path, first + i);
    return rc;
}

static int read_named(desy_store *store, const char *name, size_t first, size_t count, void *rows)
{
    for (int i = 0; i < store->array_count; i++)
        if (strcmp(store->arrays[i].name, name) == 0) return desy_store_read_array(store, i, first, count, rows);
    return desy_error(DESY_EUSAGE, "%s: this store has no %s: extract with --%s", store->directory, name, name);
}

int desy_store_read_crops(desy_store *store, size_t first, size_t count, uint8_t *crops)
{
    return read_named(store, "crops", first, count, crops);
}

int desy_store_read_audio(desy_store *store, size_t first, size_t count, int16_t *audio)
{
    return read_named(store, "audio", first, count, audio);
}

void desy_store_close(desy_store **out)
{
    desy_store *store = *out;
    if (!store) return;
    for (int k = 0; k < DESY_OPEN_SEGMENTS; k++) close_segment(&store->open[k]);
    if (store->access >= 0) H5Pclose(store->access);
    desy_video_table_close(&store->videos);
    if (store->file >= 0) H5Fclose(store->file);
    for (size_t i = 0; i < store->attribute_count; i++) {
        free(store->attributes[i].name);
        free(store->attributes[i].value);
    }
    free(store->attributes);
    free(store->segments);
    free(store->made);
    free(store->extractor);
    free(store->directory);
    free(store->path);
    free(store);
    *out = NULL;
}
