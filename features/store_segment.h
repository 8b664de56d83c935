/* Inside features/: a segment between its parts: filled and closed (store_segment.c), made durable (store_commit.c). */
#ifndef DESY_FEATURES_STORE_SEGMENT_H
#define DESY_FEATURES_STORE_SEGMENT_H

#include "features/store_rows.h"

struct desy_segment {
    char *directory, *path, *temporary, *config_sha256, *dataset_sha256;
    char relative[DESY_SEGMENT_PATH];
    uint64_t block, after_us;
    int frames, array_count;
    struct desy_store_array arrays[DESY_MOST_ARRAYS];
    hid_t datasets[DESY_MOST_ARRAYS]; /* of the arrays */
    hid_t file;
    hsize_t rows, count;              /* of the arrays, of `videos` */
    size_t room;
    struct desy_video_record *videos; /* [count]; the texts of each are one allocation, which video_path begins */
    struct desy_video_table table;
    uint64_t items, ok, last_item;    /* items, those with a row, and the id of the last one */
    bool last_ok;
    int16_t audio[DESY_AUDIO_SAMPLES]; /* one row, padded */
};

/* Writes the table of videos and closes the file. The last that HDF5, which knows no threads, has to do with it. DESY_EENV. */
int desy_segment_finish(desy_segment *segment);

#endif
