/* The rows of a store: each clip's row of `videos` and of every array is what was written, and nothing missing is read as zeros. */
#include "tests/unit/store.h"

#include <hdf5.h>

/* Row `row` of the arrays is window `window` of item i. */
static void check_arrays(desy_store *store, size_t row, size_t i, int window)
{
    static float features[T][D];
    static uint8_t crops[DESY_CROPS][DESY_INPUT_SIDE][DESY_INPUT_SIDE][3];
    static int16_t audio[DESY_AUDIO_SAMPLES];
    struct desy_clip *clip = make_clip(i, window);
    assert_int_equal(desy_store_read_features(store, row, 1, &features[0][0]), DESY_OK);
    assert_int_equal(desy_store_read_crops(store, row, 1, &crops[0][0][0][0]), DESY_OK);
    assert_int_equal(desy_store_read_audio(store, row, 1, audio), DESY_OK);
    for (int t = 0; t < T; t++)
        for (int d = 0; d < D; d++) assert_true(features[t][d] == value(i, window, t, d));
    assert_memory_equal(crops, clip->crops, sizeof crops);
    for (int k = 0; k < DESY_AUDIO_SAMPLES; k++) assert_int_equal(audio[k], k < clip->audio_samples ? clip->audio[k] : 0);
    free(clip);
}

static void check_row(const struct desy_store_row *row, size_t i, int window, int64_t wanted)
{
    struct desy_item item = make_item(i);
    const bool ok = is_read(i, window);
    assert_int_equal(row->id, item.id);
    assert_string_equal(row->video_path, item.video_path);
    assert_string_equal(row->source, item.source);
    assert_string_equal(row->text, item.text);
    assert_int_equal(row->label, item.label);
    assert_int_equal(row->split, item.split);
    assert_int_equal(row->status, ok ? DESY_STATUS_OK : DESY_STATUS_UNREADABLE);
    assert_string_equal(row->reason, ok ? "" : "not a video");
    assert_int_equal(row->n_frames, ok ? T : 0);
    assert_int_equal(row->row, ok ? wanted : -1);
    assert_int_equal(row->window, window);
    assert_int_equal(row->view, 0);
    assert_int_equal(row->audio_samples, ok ? 100 * i : 0);
    assert_int_equal(row->rotation, 90);
    assert_int_equal(row->key_frames, 3);
    assert_int_equal(row->longest_gop, 48);
    assert_int_equal(row->reordering, 2);
    assert_int_equal(row->size, 5000 + i);
    assert_true(row->fps == 29.97);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    char *directory = make_store("whole", &rich);
    desy_store *store;
    struct desy_store_row rows[VIDEOS];
    float features[ROWS][T][D];
    assert_int_equal(desy_store_open(&store, directory), DESY_OK);
    assert_int_equal(desy_store_items(store), ITEMS);
    assert_int_equal(desy_store_videos(store), VIDEOS);
    assert_int_equal(desy_store_rows(store), ROWS);
    assert_int_equal(desy_store_frames(store), T);
    assert_int_equal(desy_store_dims(store), D);
    assert_true(desy_store_shape(store)->crops && desy_store_shape(store)->audio);
    assert_string_equal(desy_store_extractor(store), "hybrid");
    assert_string_equal(desy_store_attribute(store, "isa"), "AVX2");
    assert_string_equal(desy_store_attribute(store, "threads"), "1");
    assert_null(desy_store_attribute(store, "nothing"));
    assert_int_equal(desy_store_read_rows(store, 0, VIDEOS, rows), DESY_OK);
    assert_int_equal(desy_store_read_features(store, 0, ROWS, &features[0][0][0]), DESY_OK); /* over all segments at once */
    size_t video = 0, next = 0;
    for (size_t i = 0; i < ITEMS; i++)
        for (int window = 0; window < windows[i]; window++, video++) {
            check_row(&rows[video], i, window, (int64_t)next);
            desy_store_row_free(&rows[video]);
            if (!is_read(i, window)) continue;
            assert_true(features[next][0][0] == value(i, window, 0, 0));
            check_arrays(store, next++, i, window);
        }
    assert_int_equal(video, VIDEOS);
    assert_int_equal(desy_store_read_features(store, ROWS - 1, 2, &features[0][0][0]), DESY_EUSAGE);
    assert_int_equal(desy_store_verify(store), DESY_OK);
    desy_store_close(&store);
    assert_null(store);
    free(directory);
}

static void what_was_not_extracted_is_said_so(void **state)
{
    (void)state;
    char *directory = make_store("plain", &plain);
    desy_store *store;
    uint8_t crops;
    int16_t audio;
    assert_int_equal(desy_store_open(&store, directory), DESY_OK);
    assert_int_equal(desy_store_read_crops(store, 0, 1, &crops), DESY_EUSAGE);
    assert_message("extract with --crops");
    assert_int_equal(desy_store_read_audio(store, 0, 1, &audio), DESY_EUSAGE);
    assert_message("extract with --audio");
    desy_store_close(&store);
    free(directory);
}

static void content_of(char hex[65], const char *directory)
{
    desy_store *store;
    assert_int_equal(desy_store_open(&store, directory), DESY_OK);
    assert_int_equal(desy_store_content_sha256(store, hex), DESY_OK);
    desy_store_close(&store);
}

static void set_bytes(const char *directory, const char *name, hsize_t row, hsize_t at)
{
    char *path = desy_path_join(directory, "seg/01/seg-0000001.h5");
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), dataset = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
    const hsize_t point[5] = {row, 0, at, 5, 1}, flat[2] = {row, at};
    const int value = 77;
    hid_t memory = H5Screate(H5S_SCALAR);
    assert_true(H5Sselect_elements(space, H5S_SELECT_SET, 1, H5Sget_simple_extent_ndims(space) == 5 ? point : flat) >= 0);
    assert_true(H5Dwrite(dataset, H5T_NATIVE_INT, memory, space, H5P_DEFAULT, &value) >= 0);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
    free(path);
}

/* One pixel and one sample: nothing of the store is left out of its hash. */
static void every_array_is_in_the_content_hash(void **state)
{
    (void)state;
    char before[65], after[65], *directory = make_store("content", &rich);
    content_of(before, directory);
    set_bytes(directory, "crops", 1, 200);
    content_of(after, directory);
    assert_string_not_equal(before, after);
    strcpy(before, after);
    set_bytes(directory, "audio", 0, 199);
    content_of(after, directory);
    assert_string_not_equal(before, after);
    free(directory);
}

/* A segment in which an array is missing reads as zeros in HDF5. */
static void a_missing_array_is_noticed(void **state)
{
    (void)state;
    static int16_t audio[DESY_AUDIO_SAMPLES];
    struct desy_block_record records[BLOCKS];
    desy_store *store;
    char *directory = make_store("gap", &rich), *path = desy_path_join(directory, "seg/04/seg-0000004.h5");
    int64_t size, mtime_ns;
    desy_file_stamp(path, &size, &mtime_ns);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(H5Ldelete(file, "audio", H5P_DEFAULT) >= 0);
    H5Fclose(file);
    assert_int_equal(truncate(path, size), 0); /* its size tells nothing */
    assert_int_equal(desy_store_open(&store, directory), DESY_OK);
    assert_int_equal(desy_store_read_audio(store, 0, 1, audio), DESY_OK);
    assert_int_equal(desy_store_read_audio(store, ROWS - 1, 1, audio), DESY_EDATA);
    assert_message("seg-0000004.h5");
    desy_store_close(&store);
    assert_int_equal(desy_store_scan(records, BLOCKS, directory, CONFIG), DESY_OK);
    assert_int_equal(desy_store_index(directory, records, BLOCKS, &rich, NULL), DESY_EDATA);
    assert_message("seg-0000004.h5");
    free(path);
    free(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read), cmocka_unit_test(what_was_not_extracted_is_said_so),
        cmocka_unit_test(every_array_is_in_the_content_hash), cmocka_unit_test(a_missing_array_is_noticed),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
