/* Inside features/: what segment, index and reader agree on: paths, the HDF5 type of `videos`, errors of HDF5 in words. */
#ifndef DESY_FEATURES_STORE_LAYOUT_H
#define DESY_FEATURES_STORE_LAYOUT_H

#include "features/store.h"

#include <hdf5.h>

/* One row of `videos` as it lies in memory for HDF5. Texts are variable-length; those that HDF5 read are reclaimed with H5Dvlen_reclaim. */
struct desy_video_record {
    uint64_t id;
    const char *video_path, *source, *group, *split, *text, *status, *reason, *codec, *container, *muxer, *pixel_format;
    int32_t label, n_frames, width, height, window, view, rotation, key_frames, longest_gop, reordering, audio_samples;
    int64_t row, bit_rate, size, mtime_ns, total_frames;
    double fps, duration;
    double pts[DESY_MAX_FRAMES];          /* the file holds the first T */
    int64_t frame_index[DESY_MAX_FRAMES]; /* the file holds the first T */
};

/* The compound type with arrays of `frames` for pts and frame_index; negative on failure; caller closes. */
hid_t desy_video_type(int frames);

/* An array with a row for each clip that could be read. */
struct desy_store_array {
    char name[80];
    hid_t type, memory; /* in the file, in memory; HDF5's own */
    int dimensions;     /* the first is the rows */
    hsize_t sides[5];   /* of the others, from [1] on */
    size_t row_bytes;   /* in memory */
};
/* Those of a shape: features, crops, audio. Returns their number. */
enum { DESY_ARRAY_FEATURES, DESY_MOST_ARRAYS = 3 };
int desy_store_arrays(struct desy_store_array arrays[DESY_MOST_ARRAYS], const struct desy_store_shape *shape);
/* NULL-safe ids: an open dataset (or -1), which must be of this array, with so many rows. */
bool desy_store_array_fits(const struct desy_store_array *array, hid_t dataset, uint64_t rows);

/* SEG/KK/seg-KKKKKKK.h5, relative to the store. */
#define DESY_SEGMENT_PATH 64
void desy_segment_path(char path[DESY_SEGMENT_PATH], uint64_t block);

/* One row of `segments` in index.h5: what the index was made of. */
struct desy_segment_record {
    uint64_t block, first_row, rows, items, videos; /* rows: of the arrays */
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
