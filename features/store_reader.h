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
    size_t segment_count, rows;
    int frames, dims;
    size_t segment_open;                  /* which one ... */
    hid_t segment_file, segment_features; /* ... is open; -1: none */
    struct desy_store_attribute *attributes;
    size_t attribute_count;
};

#endif
