#include "features/scores_h5.h"

#include "base/error.h"
#include "base/file.h"
#include "features/store_layout.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS ((hsize_t)8192)     /* at once, */
#define BYTES ((size_t)64 << 20) /* but of a column no more than that, unless one value is larger */

enum column { ID, SOURCE, GROUP, LABEL, SCORE, COLUMNS };
static const char *const names[COLUMNS] = {"id", "source", "group", "label", "score"};

struct column_set {
    hid_t set, memory, space; /* -1: there is none */
    H5T_class_t kind;
    bool variable;            /* texts that HDF5 allocates */
    bool is_unsigned;         /* whole numbers as uint64_t */
    size_t width;             /* of a value in memory */
    char *values;             /* [block] */
};

struct desy_h5_scores {
    char *path;
    bool labelled;
    hid_t id;
    hsize_t rows, block; /* block: rows at once */
    struct column_set columns[COLUMNS];
    char number[32];
};

static int bad_column(const desy_h5_scores *file, enum column c, const char *what) { return desy_error(DESY_EDATA, "%s: the data set %s %s", file->path, names[c], what); }

/* The type in memory: texts as they are, but with room for a NUL; whole numbers as int64_t, ids of an unsigned type as uint64_t; labels and scores as double,
 * booleans by way of int64_t. */
static hid_t memory_type(struct column_set *column, enum column c, hid_t type)
{
    column->kind = H5Tget_class(type);
    if (column->kind == H5T_STRING && c <= GROUP) {
        column->variable = H5Tis_variable_str(type) > 0;
        hid_t memory = H5Tcopy(type);
        if (!column->variable) {
            H5Tset_size(memory, H5Tget_size(type) + 1);
            H5Tset_strpad(memory, H5T_STR_NULLTERM);
        }
        return memory;
    }
    column->is_unsigned = column->kind == H5T_INTEGER && c == ID && H5Tget_sign(type) == H5T_SGN_NONE;
    if (column->is_unsigned) return H5Tcopy(H5T_NATIVE_UINT64);
    if ((column->kind == H5T_INTEGER && (c == ID || c == LABEL)) || (column->kind == H5T_ENUM && c == LABEL)) return H5Tcopy(H5T_NATIVE_INT64);
    if ((column->kind == H5T_FLOAT && c >= LABEL) || (column->kind == H5T_INTEGER && c == SCORE)) return H5Tcopy(H5T_NATIVE_DOUBLE);
    return -1;
}

static herr_t refuse_link(const char *parent, const char *group, const char *child, const char *object, unsigned *flags, hid_t access, void *context)
{
    (void)parent, (void)group, (void)child, (void)object, (void)flags, (void)access, (void)context;
    return -1;
}

/* A file of scores may be anybody's, and must not make this program read other files: not by a link, nor by values or parts that lie in them. */
static int open_set(desy_h5_scores *file, enum column c)
{
    struct column_set *column = &file->columns[c];
    hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    if (access >= 0 && H5Pset_elink_cb(access, refuse_link, NULL) >= 0) column->set = H5Dopen2(file->id, names[c], access);
    if (access >= 0) H5Pclose(access);
    hid_t creation = column->set >= 0 ? H5Dget_create_plist(column->set) : -1;
    if (creation < 0) return bad_column(file, c, "can't be opened; it must be a data set of this file, not a link to another one");
    const bool elsewhere = H5Pget_layout(creation) == H5D_VIRTUAL || H5Pget_external_count(creation) != 0;
    H5Pclose(creation);
    return elsewhere ? bad_column(file, c, "has its values in other files; copy them into this one") : DESY_OK;
}

static int open_column(desy_h5_scores *file, enum column c)
{
    struct column_set *column = &file->columns[c];
    hsize_t rows = 0;
    if (c == LABEL && !file->labelled) return DESY_OK;
    if (H5Lexists(file->id, names[c], H5P_DEFAULT) <= 0) return c == SOURCE || c == GROUP ? DESY_OK : bad_column(file, c, "is missing; at least id, label and score are needed");
    int rc = open_set(file, c);
    if (rc != DESY_OK) return rc;
    column->space = H5Dget_space(column->set);
    if (column->space < 0 || H5Sget_simple_extent_ndims(column->space) != 1 || H5Sget_simple_extent_dims(column->space, &rows, NULL) != 1)
        return bad_column(file, c, "is not one of one dimension");
    if (c != ID && rows != file->rows) return desy_error(DESY_EDATA, "%s: the data set %s has %" PRIu64 " rows, but id has %" PRIu64, file->path, names[c], (uint64_t)rows, (uint64_t)file->rows);
    if (rows > 0 && H5Dget_storage_size(column->set) == 0) return bad_column(file, c, "has rows, but no values were written to it");
    file->rows = rows;
    hid_t type = H5Dget_type(column->set);
    column->memory = memory_type(column, c, type);
    H5Tclose(type);
    if (column->memory < 0) return bad_column(file, c, c <= GROUP ? "holds no text" : c == LABEL ? "holds no numbers 0 and 1" : "holds no numbers");
    column->width = H5Tget_size(column->memory);
    return DESY_OK;
}

static int make_room(desy_h5_scores *file)
{
    file->block = file->rows < ROWS ? file->rows : ROWS;
    for (int c = 0; c < COLUMNS; c++)
        if (file->columns[c].set >= 0 && file->block > BYTES / file->columns[c].width) file->block = BYTES / file->columns[c].width;
    if (file->block == 0) file->block = 1;
    for (int c = 0; c < COLUMNS; c++)
        if (file->columns[c].set >= 0 && !(file->columns[c].values = calloc(file->block, file->columns[c].width))) return desy_error_memory(file->path);
    return DESY_OK;
}

void desy_h5_scores_close(desy_h5_scores **out)
{
    desy_h5_scores *file = *out;
    if (!file) return;
    for (int c = 0; c < COLUMNS; c++) {
        struct column_set *column = &file->columns[c];
        if (column->set >= 0) H5Dclose(column->set);
        if (column->space >= 0) H5Sclose(column->space);
        if (column->memory >= 0) H5Tclose(column->memory);
        free(column->values);
    }
    if (file->id >= 0) H5Fclose(file->id);
    free(file->path);
    free(file);
    *out = NULL;
}

static const char *text_at(desy_h5_scores *file, enum column c, hsize_t i)
{
    const struct column_set *column = &file->columns[c];
    if (column->set < 0) return "";
    const char *value = column->values + i * column->width;
    if (column->kind == H5T_INTEGER) {
        if (column->is_unsigned) snprintf(file->number, sizeof file->number, "%" PRIu64, *(const uint64_t *)value);
        else snprintf(file->number, sizeof file->number, "%" PRId64, *(const int64_t *)value);
        return file->number;
    }
    if (!column->variable) return value;
    const char *text = *(const char *const *)value;
    return text ? text : "";
}

static double number_at(const desy_h5_scores *file, enum column c, hsize_t i)
{
    const struct column_set *column = &file->columns[c];
    const char *value = column->values + i * column->width;
    return column->kind == H5T_FLOAT || c == SCORE ? *(const double *)value : (double)*(const int64_t *)value;
}

static int take_row(desy_h5_scores *file, hsize_t i, uint64_t row, int (*take)(void *context, const struct desy_h5_score *row), void *context)
{
    const double label = file->labelled ? number_at(file, LABEL, i) : 0.;
    const struct desy_h5_score score = {.id = text_at(file, ID, i), .source = text_at(file, SOURCE, i), .group = text_at(file, GROUP, i),
                                        .label = label == 1., .score = number_at(file, SCORE, i)};
    if (!*score.id) return desy_error(DESY_EDATA, "%s:%" PRIu64 ": no id", file->path, row);
    if (label != 0. && label != 1.) return desy_error(DESY_EDATA, "%s:%" PRIu64 ": label %g of %s is not 0 (real) or 1 (AI-generated)", file->path, row, label, score.id);
    if (isinf(score.score))
        return desy_error(DESY_EDATA, "%s:%" PRIu64 ": the score of %s is infinite, which can't be ranked; NaN is for a clip that has none", file->path, row, score.id);
    return take(context, &score);
}

/* Rows first to first + count - 1, at most a block. */
static int take_rows(desy_h5_scores *file, hsize_t first, hsize_t count, int (*take)(void *context, const struct desy_h5_score *row), void *context)
{
    char text[DESY_HDF5_TEXT];
    int rc = DESY_OK, filled = 0;
    hid_t memory = H5Screate_simple(1, &count, NULL);
    for (; filled < COLUMNS && rc == DESY_OK; filled++) {
        struct column_set *column = &file->columns[filled];
        if (column->set < 0) continue;
        if (memory < 0 || H5Sselect_hyperslab(column->space, H5S_SELECT_SET, &first, NULL, &count, NULL) < 0
            || H5Dread(column->set, column->memory, memory, column->space, H5P_DEFAULT, column->values) < 0)
            rc = desy_error(DESY_EDATA, "%s: the data set %s can't be read: %s", file->path, names[filled], desy_hdf5_error(text));
    }
    for (hsize_t i = 0; i < count && rc == DESY_OK; i++) rc = take_row(file, i, (uint64_t)(first + i) + 1, take, context);
    for (int c = 0; c < filled; c++) {
        struct column_set *column = &file->columns[c];
        if (column->set < 0 || !column->variable) continue;
        H5Dvlen_reclaim(column->memory, memory, H5P_DEFAULT, column->values);
        memset(column->values, 0, file->block * column->width);
    }
    if (memory >= 0) H5Sclose(memory);
    return rc;
}

int desy_h5_scores_open(desy_h5_scores **out, const char *path, bool labelled, uint64_t *rows)
{
    char text[DESY_HDF5_TEXT];
    int rc = DESY_OK;
    desy_h5_scores *file = *out = calloc(1, sizeof *file);
    if (!file) return desy_error_memory(path);
    file->labelled = labelled;
    file->id = -1;
    for (int c = 0; c < COLUMNS; c++) file->columns[c] = (struct column_set){.set = -1, .memory = -1, .space = -1};
    if (!(file->path = strdup(path))) DESY_TRY(desy_error_memory(path));
    desy_hdf5_setup();
    if (!desy_file_exists(path)) DESY_TRY(desy_error(DESY_EDATA, "%s: can't be read: no such file", path));
    file->id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file->id < 0) DESY_TRY(desy_error(DESY_EDATA, "%s: is not an HDF5 file: %s", path, desy_hdf5_error(text)));
    for (int c = 0; c < COLUMNS; c++) DESY_TRY(open_column(file, (enum column)c));
    rc = make_room(file);
    *rows = file->rows;
out:
    if (rc != DESY_OK) desy_h5_scores_close(out);
    return rc;
}

int desy_h5_scores_read(desy_h5_scores *file, uint64_t first, uint64_t count, int (*take)(void *context, const struct desy_h5_score *row), void *context)
{
    int rc = DESY_OK;
    for (uint64_t done = 0; done < count; done += file->block)
        DESY_TRY(take_rows(file, first + done, count - done < file->block ? count - done : file->block, take, context));
out:
    return rc;
}
