/* Inside features/: what an open store is. */
#ifndef DESY_FEATURES_STORE_READER_H
#define DESY_FEATURES_STORE_READER_H

#include "features/store_rows.h"

struct desy_store_attribute { /* one that was asked for */
    char *name, *value;
};

struct desy_store {
    char *directory, *path, *extractor; /* path: of index.h5 */
    hid_t file;
    struct desy_video_table videos;
    struct desy_segment_record *segments;
    size_t segment_count, rows, items;
    struct desy_store_shape shape;
    struct desy_store_array arrays[DESY_MOST_ARRAYS];
    int array_count;
    size_t segment_open;                    /* which one ... */
    hid_t segment_file;                     /* ... is open; -1: none */
    hid_t segment_arrays[DESY_MOST_ARRAYS];
    struct desy_store_attribute *attributes;
    size_t attribute_count;
};

/* Rows first..first+count-1 of array i, from the segments. */
int desy_store_read_array(desy_store *store, int i, size_t first, size_t count, void *rows);

#endif
