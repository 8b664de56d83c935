#include "features/scores_h5.h"

#include "base/error.h"
#include "base/file.h"
#include "features/store_layout.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS ((hsize_t)8192) /* at once */

enum column { ID, SOURCE, GROUP, LABEL, SCORE, COLUMNS };
static const char *const names[COLUMNS] = {"id", "source", "group", "label", "score"};

struct column_set {
    hid_t set, memory, space; /* -1: there is none */
    H5T_class_t kind;
    bool variable;            /* texts that HDF5 allocates */
    size_t width;             /* of a value in memory */
    char *values;             /* [ROWS] */
};

struct file {
    const char *path;
    bool labelled;
    hid_t id;
    hsize_t rows;
    struct column_set columns[COLUMNS];
    char number[32];
};

static int bad_column(const struct file *file, enum column c, const char *what) { return desy_error(DESY_EDATA, "%s: the data set %s %s", file->path, names[c], what); }

/* The type in memory: texts as they are, but with room for a NUL; whole numbers as int64_t; labels and scores as double, booleans by way of int64_t. */
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
    if ((column->kind == H5T_INTEGER && (c == ID || c == LABEL)) || (column->kind == H5T_ENUM && c == LABEL)) return H5Tcopy(H5T_NATIVE_INT64);
    if ((column->kind == H5T_FLOAT && c >= LABEL) || (column->kind == H5T_INTEGER && c == SCORE)) return H5Tcopy(H5T_NATIVE_DOUBLE);
    return -1;
}

static int open_column(struct file *file, enum column c)
{
    struct column_set *column = &file->columns[c];
    hsize_t rows = 0;
    if (c == LABEL && !file->labelled) return DESY_OK;
    if (H5Lexists(file->id, names[c], H5P_DEFAULT) <= 0) return c == SOURCE || c == GROUP ? DESY_OK : bad_column(file, c, "is missing; at least id, label and score are needed");
    column->set = H5Dopen2(file->id, names[c], H5P_DEFAULT);
    column->space = column->set >= 0 ? H5Dget_space(column->set) : -1;
    if (column->space < 0 || H5Sget_simple_extent_ndims(column->space) != 1 || H5Sget_simple_extent_dims(column->space, &rows, NULL) != 1)
        return bad_column(file, c, "is not one of one dimension");
    if (c != ID && rows != file->rows) return desy_error(DESY_EDATA, "%s: the data set %s has %" PRIu64 " rows, but id has %" PRIu64, file->path, names[c], (uint64_t)rows, (uint64_t)file->rows);
    file->rows = rows;
    hid_t type = H5Dget_type(column->set);
    column->memory = memory_type(column, c, type);
    H5Tclose(type);
    if (column->memory < 0) return bad_column(file, c, c <= GROUP ? "holds no text" : c == LABEL ? "holds no numbers 0 and 1" : "holds no numbers");
    column->width = H5Tget_size(column->memory);
    column->values = calloc(ROWS, column->width);
    return column->values ? DESY_OK : desy_error_memory(file->path);
}

static void close_file(struct file *file)
{
    for (int c = 0; c < COLUMNS; c++) {
        struct column_set *column = &file->columns[c];
        if (column->set >= 0) H5Dclose(column->set);
        if (column->space >= 0) H5Sclose(column->space);
        if (column->memory >= 0) H5Tclose(column->memory);
        free(column->values);
    }
    if (file->id >= 0) H5Fclose(file->id);
}

static const char *text_at(struct file *file, enum column c, hsize_t i)
{
    const struct column_set *column = &file->columns[c];
    if (column->set < 0) return "";
    const char *value = column->values + i * column->width;
    if (column->kind == H5T_INTEGER) {
        snprintf(file->number, sizeof file->number, "%" PRId64, *(const int64_t *)value);
        return file->number;
    }
    if (!column->variable) return value;
    const char *text = *(const char *const *)value;
    return text ? text : "";
}

static double number_at(const struct file *file, enum column c, hsize_t i)
{
    const struct column_set *column = &file->columns[c];
    const char *value = column->values + i * column->width;
    return column->kind == H5T_FLOAT || c == SCORE ? *(const double *)value : (double)*(const int64_t *)value;
}

static int take_row(struct file *file, hsize_t i, uint64_t row, int (*take)(void *context, const struct desy_h5_score *row), void *context)
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

/* Rows first to first + count - 1, at most ROWS. */
static int take_rows(struct file *file, hsize_t first, hsize_t count, int (*take)(void *context, const struct desy_h5_score *row), void *context)
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
        memset(column->values, 0, ROWS * column->width);
    }
    if (memory >= 0) H5Sclose(memory);
    return rc;
}

int desy_h5_scores_read(const char *path, bool labelled, int rank, int ranks, int (*take)(void *context, const struct desy_h5_score *row), void *context)
{
    struct file file = {.path = path, .labelled = labelled, .id = -1};
    char text[DESY_HDF5_TEXT];
    int rc = DESY_OK;
    for (int c = 0; c < COLUMNS; c++) file.columns[c] = (struct column_set){.set = -1, .memory = -1, .space = -1};
    desy_hdf5_setup();
    if (!desy_file_exists(path)) return desy_error(DESY_EDATA, "%s: can't be read: no such file", path);
    file.id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file.id < 0) DESY_TRY(desy_error(DESY_EDATA, "%s: is not an HDF5 file: %s", path, desy_hdf5_error(text)));
    for (int c = 0; c < COLUMNS; c++) DESY_TRY(open_column(&file, (enum column)c));
    const hsize_t r = (hsize_t)rank, size = (hsize_t)ranks, n = file.rows;
    const hsize_t first = n / size * r + n % size * r / size, end = n / size * (r + 1) + n % size * (r + 1) / size;
    for (hsize_t at = first; at < end; at += ROWS) DESY_TRY(take_rows(&file, at, end - at < ROWS ? end - at : ROWS, take, context));
out:
    close_file(&file);
    return rc;
}
