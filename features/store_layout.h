/* Inside features/: what segment, index and reader agree on: paths, the HDF5 type of `videos`, errors of HDF5 in words. */
#ifndef DESY_FEATURES_STORE_LAYOUT_H
#define DESY_FEATURES_STORE_LAYOUT_H

#include "features/store.h"

#include <hdf5.h>

/* One row of `videos` as it lies in memory for HDF5. Texts are variable-length; those that HDF5 read are reclaimed with H5Dvlen_reclaim. */
struct desy_video_record {
    uint64_t id;
    const char *video_path, *source, *group, *split, *text, *status, *reason, *codec, *container, *pixel_format;
    int32_t label, n_frames, width, height, window, view;
    int64_t row, bit_rate, size, mtime_ns, total_frames;
    double fps, duration;
    double pts[DESY_MAX_FRAMES];          /* the file holds the first T */
    int64_t frame_index[DESY_MAX_FRAMES]; /* the file holds the first T */
};

/* The compound type with arrays of `frames` for pts and frame_index; negative on failure; caller closes. */
hid_t desy_video_type(int frames);

/* SEG/KK/seg-KKKKKKK.h5, relative to the store. */
#define DESY_SEGMENT_PATH 64
void desy_segment_path(char path[DESY_SEGMENT_PATH], uint64_t block);

/* One row of `segments` in index.h5: what the index was made of. */
struct desy_segment_record {
    uint64_t block, first_row, rows, items; /* rows: of features */
    int64_t bytes;
    char sha256[65];
};
/* Its compound type; negative on failure; caller closes. */
hid_t desy_segment_type(void);

/* The innermost message of HDF5's error stack, in *text. */
#define DESY_HDF5_TEXT 256
const char *desy_hdf5_error(char text[DESY_HDF5_TEXT]);
/* HDF5 shall not print its stack, and locks are tried, not insisted on (NFS). Idempotent. */
void desy_hdf5_setup(void);

/* A dataset or file with object times off, so that equal contents are equal bytes. Negative on failure. */
hid_t desy_hdf5_create_file(const char *path);
hid_t desy_hdf5_create_dataset(hid_t file, const char *name, hid_t type, hid_t space, hid_t creation);
int desy_hdf5_write_text(hid_t object, const char *name, const char *value); /* a string attribute; 0 or negative */
/* New string, caller frees; NULL: there is none. */
char *desy_hdf5_read_text(hid_t object, const char *name);

#endif
