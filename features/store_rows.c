#include "features/store_rows.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int fail(int code, const char *path, const char *what)
{
    char text[DESY_HDF5_TEXT];
    return desy_error(code, "%s: the table of videos cannot be %s: %s", path, what, desy_hdf5_error(text));
}

static int opened(struct desy_video_table *table, size_t count, const char *path, int code, const char *what)
{
    int rc = table->dataset < 0 || table->type < 0 ? fail(code, path, what) : DESY_OK;
    table->count = count;
    if (rc == DESY_OK && !(table->path = strdup(path))) rc = desy_error_memory(path);
    if (rc != DESY_OK) desy_video_table_close(table);
    return rc;
}

int desy_video_table_open(struct desy_video_table *table, hid_t file, int frames, const char *path)
{
    hsize_t count = 0;
    *table = (struct desy_video_table){.dataset = H5Dopen2(file, "videos", H5P_DEFAULT), .type = desy_video_type(frames)};
    hid_t space = table->dataset < 0 ? -1 : H5Dget_space(table->dataset);
    bool flat = space >= 0 && H5Sget_simple_extent_ndims(space) == 1 && H5Sget_simple_extent_dims(space, &count, NULL) == 1;
    if (space >= 0) H5Sclose(space);
    int rc = opened(table, (size_t)count, path, DESY_EDATA, "opened");
    if (rc == DESY_OK && !flat) {
        desy_video_table_close(table);
        rc = desy_error(DESY_EDATA, "%s: `videos` is not a table", path);
    }
    return rc;
}

int desy_video_table_create(struct desy_video_table *table, hid_t file, size_t count, int frames, const char *path)
{
    const hsize_t length = count;
    *table = (struct desy_video_table){.dataset = -1, .type = desy_video_type(frames)};
    hid_t space = H5Screate_simple(1, &length, NULL);
    if (table->type >= 0 && space >= 0) table->dataset = desy_hdf5_create_dataset(file, "videos", table->type, space, H5P_DEFAULT);
    if (space >= 0) H5Sclose(space);
    return opened(table, count, path, DESY_EENV, "made");
}

#define BUFFER ((size_t)128 << 10) /* of HDF5's conversions. Its own choice, 2 MB fresh from the system each time, takes longer than the work */

static bool transfer(const struct desy_video_table *table, size_t first, size_t count, struct desy_video_record *records, bool write)
{
    const hsize_t start = first, length = count;
    hid_t memory = H5Screate_simple(1, &length, NULL), space = H5Dget_space(table->dataset), how = H5Pcreate(H5P_DATASET_XFER);
    bool ok = memory >= 0 && space >= 0 && H5Pset_buffer(how, BUFFER, NULL, NULL) >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, NULL, &length, NULL) >= 0;
    if (ok && write) ok = H5Dwrite(table->dataset, table->type, memory, space, how, records) >= 0;
    else if (ok) ok = H5Dread(table->dataset, table->type, memory, space, how, records) >= 0;
    if (space >= 0) H5Sclose(space);
    if (memory >= 0) H5Sclose(memory);
    if (how >= 0) H5Pclose(how);
    return ok;
}

int desy_video_table_read(const struct desy_video_table *table, size_t first, size_t count, struct desy_video_record *records)
{
    static const size_t texts[] = {
        offsetof(struct desy_video_record, video_path), offsetof(struct desy_video_record, source), offsetof(struct desy_video_record, group),
        offsetof(struct desy_video_record, split), offsetof(struct desy_video_record, text), offsetof(struct desy_video_record, status),
        offsetof(struct desy_video_record, reason), offsetof(struct desy_video_record, codec), offsetof(struct desy_video_record, container),
        offsetof(struct desy_video_record, muxer), offsetof(struct desy_video_record, pixel_format),
    };
    memset(records, 0, count * sizeof *records);
    if (count == 0) return DESY_OK;
    if (first + count > table->count) return desy_error(DESY_EUSAGE, "%s: row %zu of %zu was asked for", table->path, first + count - 1, table->count);
    if (!transfer(table, first, count, records, false)) return fail(DESY_EDATA, table->path, "read");
    /* A text that was never written (a damaged file) comes as NULL. */
    for (size_t i = 0; i < count; i++)
        for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
            if (*(const char **)((char *)&records[i] + texts[t])) continue;
            desy_video_table_reclaim(table, count, records);
            return desy_error(DESY_EDATA, "%s: row %zu of the table of videos is damaged", table->path, first + i);
        }
    return DESY_OK;
}

int desy_video_table_write(const struct desy_video_table *table, size_t first, size_t count, const struct desy_video_record *records)
{
    if (count == 0 || transfer(table, first, count, (struct desy_video_record *)records, true)) return DESY_OK;
    return fail(DESY_EENV, table->path, "written");
}

void desy_video_table_reclaim(const struct desy_video_table *table, size_t count, struct desy_video_record *records)
{
    const hsize_t length = count;
    if (count == 0) return;
    hid_t space = H5Screate_simple(1, &length, NULL);
    H5Dvlen_reclaim(table->type, space, H5P_DEFAULT, records);
    H5Sclose(space);
}

void desy_video_table_close(struct desy_video_table *table)
{
    if (table->dataset > 0) H5Dclose(table->dataset);
    if (table->type > 0) H5Tclose(table->type);
    free(table->path);
    *table = (struct desy_video_table){0};
}

int desy_video_record_hash(desy_sha256 *hash, const struct desy_video_record *record, int frames)
{
    int rc;
    const char *const texts[] = {record->video_path, record->source, record->group, record->split, record->text, record->status,
                                 record->reason, record->codec, record->container, record->muxer, record->pixel_format};
    const int32_t numbers[] = {record->label, record->n_frames, record->width, record->height, record->window, record->view, record->rotation,
                               record->key_frames, record->longest_gop, record->reordering, record->audio_samples};
    const int64_t large[] = {record->bit_rate, record->size, record->total_frames};
    const double reals[] = {record->fps, record->duration};
    DESY_TRY(desy_sha256_update(hash, &record->id, sizeof record->id));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) DESY_TRY(desy_sha256_update(hash, texts[i], strlen(texts[i]) + 1));
    DESY_TRY(desy_sha256_update(hash, numbers, sizeof numbers));
    DESY_TRY(desy_sha256_update(hash, large, sizeof large));
    DESY_TRY(desy_sha256_update(hash, reals, sizeof reals));
    DESY_TRY(desy_sha256_update(hash, record->pts, (size_t)frames * sizeof *record->pts));
    DESY_TRY(desy_sha256_update(hash, record->frame_index, (size_t)frames * sizeof *record->frame_index));
out:
    return rc;
}
