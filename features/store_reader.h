/* Inside features/: what an open store is. */
#ifndef DESY_FEATURES_STORE_READER_H
#define DESY_FEATURES_STORE_READER_H

#include "features/store_rows.h"

#define DESY_OPEN_SEGMENTS 256

struct desy_store_attribute { /* one that was asked for */
    char *name, *value;
};

struct desy_store {
    char *directory, *path, *extractor; /* path: of index.h5 */
    hid_t file;
    struct desy_video_table videos;
    struct desy_segment_record *segments;
    int64_t *made, index_size, index_made;  /* mtimes of the segments, as they were when it was opened; size and mtime of index.h5 */
    size_t segment_count, rows, items;
    struct desy_store_shape shape;
    struct desy_store_array arrays[DESY_MOST_ARRAYS];
    int array_count;
    hid_t access;                           /* to the arrays of segments: without a cache, since a row is a chunk that is read once */
    struct desy_open_segment {
        size_t index;
        hid_t file, arrays[DESY_MOST_ARRAYS]; /* -1: none */
    } open[DESY_OPEN_SEGMENTS];             /* segment i stays open at i modulo their number, until another one needs the place: to open a file takes longer than to read a row */
    struct desy_store_attribute *attributes;
    size_t attribute_count;
};

/* Rows first..first+count-1 of array i, from the segments. */
int desy_store_read_array(desy_store *store, int i, size_t first, size_t count, void *rows);

#endif
