/* Inside features/: slices of the table `videos`. */
#ifndef DESY_FEATURES_STORE_ROWS_H
#define DESY_FEATURES_STORE_ROWS_H

#include "base/hash.h"
#include "features/store_layout.h"

/* A table `videos` that is open. Zeroed: none. */
struct desy_video_table {
    hid_t dataset, type; /* 0: not open */
    size_t count;
    char *path;          /* for messages */
};

/* The one in `file`. DESY_EDATA: it has none, or other columns than this version's. */
int desy_video_table_open(struct desy_video_table *table, hid_t file, int frames, const char *path);
/* A new one with `count` rows. DESY_EENV. */
int desy_video_table_create(struct desy_video_table *table, hid_t file, size_t count, int frames, const char *path);
/* Rows first..first+count-1. After a read, their texts belong to HDF5: reclaim. DESY_EDATA resp. DESY_EENV. */
int desy_video_table_read(const struct desy_video_table *table, size_t first, size_t count, struct desy_video_record *records);
int desy_video_table_write(const struct desy_video_table *table, size_t first, size_t count, const struct desy_video_record *records);
void desy_video_table_reclaim(const struct desy_video_table *table, size_t count, struct desy_video_record *records);
void desy_video_table_close(struct desy_video_table *table);

/* Adds everything but `row` and `mtime_ns`: what stays the same however and wherever the store was made. */
int desy_video_record_hash(desy_sha256 *hash, const struct desy_video_record *record, int frames);

#endif
