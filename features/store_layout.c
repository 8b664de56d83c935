#include "features/store_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int desy_store_arrays(struct desy_store_array arrays[DESY_MOST_ARRAYS], const struct desy_store_shape *shape)
{
    int n = 0;
    desy_hdf5_setup(); /* the types below start HDF5 */
    arrays[n] = (struct desy_store_array){.type = H5T_IEEE_F32LE, .memory = H5T_NATIVE_FLOAT, .dimensions = 3,
        .sides = {0, (hsize_t)shape->frames, (hsize_t)shape->dims}, .row_bytes = (size_t)shape->frames * (size_t)shape->dims * sizeof(float)};
    snprintf(arrays[n++].name, sizeof arrays->name, "features/%s", shape->extractor);
    if (shape->crops)
        arrays[n++] = (struct desy_store_array){.name = "crops", .type = H5T_STD_U8LE, .memory = H5T_NATIVE_UINT8, .dimensions = 5,
            .sides = {0, DESY_CROPS, DESY_INPUT_SIDE, DESY_INPUT_SIDE, 3}, .row_bytes = sizeof((struct desy_clip *)NULL)->crops};
    if (shape->audio)
        arrays[n++] = (struct desy_store_array){.name = "audio", .type = H5T_STD_I16LE, .memory = H5T_NATIVE_INT16, .dimensions = 2,
            .sides = {0, DESY_AUDIO_SAMPLES}, .row_bytes = sizeof((struct desy_clip *)NULL)->audio};
    return n;
}

bool desy_store_array_fits(const struct desy_store_array *array, hid_t dataset, uint64_t rows)
{
    hsize_t sides[5] = {0};
    hid_t space = dataset < 0 ? -1 : H5Dget_space(dataset);
    bool fits = space >= 0 && H5Sget_simple_extent_ndims(space) == array->dimensions && H5Sget_simple_extent_dims(space, sides, NULL) > 0 && sides[0] == rows;
    for (int i = 1; fits && i < array->dimensions; i++) fits = sides[i] == array->sides[i];
    if (space >= 0) H5Sclose(space);
    return fits;
}

void desy_segment_path(char path[DESY_SEGMENT_PATH], uint64_t block)
{
    snprintf(path, DESY_SEGMENT_PATH, "seg/%02llu/seg-%07llu.h5", (unsigned long long)(block % 100), (unsigned long long)block);
}

void desy_hdf5_setup(void)
{
    setenv("HDF5_USE_FILE_LOCKING", "BEST_EFFORT", 0);
    H5dont_atexit(); /* after a file that could not be closed (a full disk), its work at exit crashes */
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static herr_t keep_first(unsigned n, const H5E_error2_t *error, void *text)
{
    if (n == 0 && error->desc) snprintf(text, DESY_HDF5_TEXT, "%.*s", (int)strcspn(error->desc, ":\n"), error->desc); /* then come time and addresses */
    return 0;
}

const char *desy_hdf5_error(char text[DESY_HDF5_TEXT])
{
    strcpy(text, "HDF5 gives no reason");
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, text);
    return text;
}

static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

hid_t desy_video_type(int frames)
{
    const hsize_t length = (hsize_t)frames;
    hid_t text = text_type(), type = H5Tcreate(H5T_COMPOUND, sizeof(struct desy_video_record));
    hid_t pts = H5Tarray_create2(H5T_NATIVE_DOUBLE, 1, &length), index = H5Tarray_create2(H5T_NATIVE_INT64, 1, &length);
    herr_t bad = 0;
#define FIELD(name, kind) bad |= H5Tinsert(type, #name, offsetof(struct desy_video_record, name), kind)
    FIELD(id, H5T_NATIVE_UINT64);
    FIELD(video_path, text);
    FIELD(label, H5T_NATIVE_INT32);
    FIELD(source, text);
    FIELD(group, text);
    FIELD(split, text);
    FIELD(text, text);
    FIELD(status, text);
    FIELD(reason, text);
    FIELD(row, H5T_NATIVE_INT64);
    FIELD(n_frames, H5T_NATIVE_INT32);
    FIELD(window, H5T_NATIVE_INT32);
    FIELD(view, H5T_NATIVE_INT32);
    FIELD(pts, pts);
    FIELD(frame_index, index);
    FIELD(total_frames, H5T_NATIVE_INT64);
    FIELD(codec, text);
    FIELD(container, text);
    FIELD(muxer, text);
    FIELD(pixel_format, text);
    FIELD(width, H5T_NATIVE_INT32);
    FIELD(height, H5T_NATIVE_INT32);
    FIELD(rotation, H5T_NATIVE_INT32);
    FIELD(fps, H5T_NATIVE_DOUBLE);
    FIELD(duration, H5T_NATIVE_DOUBLE);
    FIELD(bit_rate, H5T_NATIVE_INT64);
    FIELD(key_frames, H5T_NATIVE_INT32);
    FIELD(longest_gop, H5T_NATIVE_INT32);
    FIELD(reordering, H5T_NATIVE_INT32);
    FIELD(audio_samples, H5T_NATIVE_INT32);
    FIELD(size, H5T_NATIVE_INT64);
    FIELD(mtime_ns, H5T_NATIVE_INT64);
#undef FIELD
    H5Tclose(text);
    H5Tclose(pts);
    H5Tclose(index);
    if (bad < 0) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

hid_t desy_segment_type(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(struct desy_segment_record)), text = H5Tcopy(H5T_C_S1);
    herr_t bad = H5Tset_size(text, sizeof ((struct desy_segment_record *)NULL)->sha256);
#define FIELD(name, kind) bad |= H5Tinsert(type, #name, offsetof(struct desy_segment_record, name), kind)
    FIELD(block, H5T_NATIVE_UINT64);
    FIELD(first_row, H5T_NATIVE_UINT64);
    FIELD(rows, H5T_NATIVE_UINT64);
    FIELD(items, H5T_NATIVE_UINT64);
    FIELD(videos, H5T_NATIVE_UINT64);
    FIELD(bytes, H5T_NATIVE_INT64);
    FIELD(sha256, text);
#undef FIELD
    H5Tclose(text);
    if (bad >= 0) return type;
    H5Tclose(type);
    return -1;
}

hid_t desy_hdf5_create_file(const char *path)
{
    hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_obj_track_times(creation, false);
    H5Pset_alignment(access, 16384, 4096); /* rows begin with a page: half pages would have to be looked after twice */
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
    H5Pclose(access);
    H5Pclose(creation);
    return file;
}

hid_t desy_hdf5_create_dataset(hid_t file, const char *name, hid_t type, hid_t space, hid_t creation)
{
    hid_t links = H5Pcreate(H5P_LINK_CREATE), own = creation == H5P_DEFAULT ? H5Pcreate(H5P_DATASET_CREATE) : H5Pcopy(creation);
    H5Pset_obj_track_times(own, false);
    hid_t dataset = H5Dcreate2(file, name, type, space, links, own, H5P_DEFAULT);
    H5Pclose(links);
    H5Pclose(own);
    return dataset;
}

int desy_hdf5_write_text(hid_t object, const char *name, const char *value)
{
    hid_t type = text_type(), space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t bad = attribute < 0 ? -1 : H5Awrite(attribute, type, &value);
    if (attribute >= 0) H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    return bad < 0 ? -1 : 0;
}

char *desy_hdf5_read_text(hid_t object, const char *name)
{
    char *borrowed = NULL, *value = NULL;
    if (H5Aexists(object, name) <= 0) return NULL;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT), type = text_type();
    if (attribute >= 0 && H5Aread(attribute, type, &borrowed) >= 0 && borrowed) {
        value = strdup(borrowed);
        H5free_memory(borrowed);
    }
    if (attribute >= 0) H5Aclose(attribute);
    H5Tclose(type);
    return value;
}
