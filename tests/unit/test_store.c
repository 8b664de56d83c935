/* The store: resuming knows what is done; what is missing, damaged or of another layout is refused. */
#include "tests/unit/store.h"

#include <fcntl.h>
#include <glob.h>
#include <hdf5.h>
#include <math.h>
#include <sys/stat.h>

static void blocks_depend_on_items_alone(void **state)
{
    (void)state;
    const struct desy_store_shape usual = {.extractor = "hybrid", .frames = 16, .dims = 2048}, small = {.extractor = "hybrid", .frames = 16, .dims = 64},
                                  large = {.extractor = "hybrid", .frames = 64, .dims = 2048}, crops = {.extractor = "hybrid", .frames = 16, .dims = 2048, .crops = true},
                                  audio = {.extractor = "hybrid", .frames = 16, .dims = 64, .audio = true};
    assert_int_equal(desy_store_block_items(1, 1, &usual), 1);
    assert_int_equal(desy_store_block_items(10000, 1, &usual), 2);
    assert_int_equal(desy_store_block_items(10000000, 1, &small), 512);
    assert_int_equal(desy_store_block_items(10000000, 1, &usual), 512);
    assert_int_equal(desy_store_block_items(10000000, 1, &large), 128); /* 64 MB */
    assert_int_equal(desy_store_block_items(10000000, 4, &usual), 128);
    assert_int_equal(desy_store_block_items(10000000, 1, &crops), 91); /* 131072 + 602112 bytes a clip */
    assert_int_equal(desy_store_block_items(10000000, 8, &audio), 123); /* 4096 + 64000 */
    assert_int_equal(desy_store_block_items(10000000, 64, &crops), 1);
}

static void another_layout_is_refused(void **state)
{
    (void)state;
    char *directory = make_store("layout", &plain), *path = desy_path_join(directory, "index.h5");
    desy_store *store;
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(H5Adelete(file, "layout") >= 0); /* as the first version wrote it */
    H5Fclose(file);
    assert_int_equal(desy_store_open(&store, directory), DESY_EDATA);
    assert_message("extract the videos again");
    free(path);
    free(directory);
}

static void equal_contents_are_equal_bytes(void **state)
{
    (void)state;
    char *one = make_store("one", &rich), *two = make_store("two", &rich), hashes[2][65];
    desy_store *stores[2];
    assert_int_equal(desy_store_open(&stores[0], one), DESY_OK);
    assert_int_equal(desy_store_open(&stores[1], two), DESY_OK);
    for (int i = 0; i < 2; i++) assert_int_equal(desy_store_content_sha256(stores[i], hashes[i]), DESY_OK);
    assert_string_equal(hashes[0], hashes[1]);
    desy_store_close(&stores[0]);
    desy_store_close(&stores[1]);
    struct desy_block_record a[BLOCKS], b[BLOCKS];
    assert_int_equal(desy_store_scan(a, BLOCKS, one, CONFIG), DESY_OK);
    assert_int_equal(desy_store_scan(b, BLOCKS, two, CONFIG), DESY_OK);
    for (int i = 0; i < BLOCKS; i++) assert_string_equal(a[i].sha256, b[i].sha256);
    free(one);
    free(two);
}

static void append_text(const char *directory, const char *name, const char *text)
{
    char *path = desy_path_join(directory, name);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    free(path);
}

static void resuming_knows_what_is_done(void **state)
{
    (void)state;
    struct desy_block_record records[BLOCKS];
    char *directory = make_store("resume", &plain), *segment = desy_path_join(directory, "seg/02/seg-0000002.h5");
    assert_int_equal(desy_store_scan(records, BLOCKS, directory, "another configuration"), DESY_OK);
    for (int i = 0; i < BLOCKS; i++) assert_false(records[i].listed);

    /* A run that was killed in the middle of a line, then goes on: its next line counts. */
    append_text(directory, "manifest-00000.jsonl", "{\"block\":0,\"file\":\"seg/0");
    assert_int_equal(write_block(directory, &plain, 0, 0, "newer"), DESY_OK);
    assert_int_equal(desy_store_scan(records, BLOCKS, directory, CONFIG), DESY_OK);
    assert_true(records[0].listed);
    assert_string_equal(records[0].inputs_sha256, "newer");
    assert_int_equal(records[0].items, 2);
    assert_int_equal(records[0].failed, 1);

    /* The newest line counts, whichever rank wrote it. */
    assert_int_equal(write_block(directory, &plain, 1, 0, "first"), DESY_OK);
    assert_int_equal(write_block(directory, &plain, 1, 3, "second"), DESY_OK);
    assert_int_equal(write_block(directory, &plain, 1, 2, "third"), DESY_OK);
    assert_int_equal(desy_store_scan(records, BLOCKS, directory, CONFIG), DESY_OK);
    assert_string_equal(records[1].inputs_sha256, "third");

    /* So does what replaces a line of a host whose clock is ahead. */
    const struct desy_segment_options options = {directory, 3, plain, CONFIG, "data set", UINT64_C(4000000000000000)};
    for (int i = 0; i < 2; i++) {
        desy_segment *open;
        struct desy_segment_options next = options;
        next.after_us += (uint64_t)i;
        assert_int_equal(desy_segment_open(&open, &next), DESY_OK);
        assert_int_equal(append_clip(open, 5, 0), DESY_OK);
        assert_int_equal(desy_segment_commit(&open, 1 - i, i ? "behind" : "ahead"), DESY_OK);
    }
    assert_int_equal(desy_store_scan(records, BLOCKS, directory, CONFIG), DESY_OK);
    assert_string_equal(records[3].inputs_sha256, "behind");
    assert_true(records[3].made_us == options.after_us + 2);

    const uint64_t made_us = records[2].made_us;
    assert_int_equal(truncate(segment, 100), 0);
    assert_int_equal(desy_store_scan(records, BLOCKS, directory, CONFIG), DESY_OK);
    assert_false(records[2].listed);
    assert_true(records[2].made_us == made_us && made_us > 0); /* what is made in its place comes later */
    assert_true(records[3].listed);
    free(segment);
    free(directory);
}

static void an_aborted_segment_leaves_nothing(void **state)
{
    (void)state;
    char *directory = desy_path_join(root, "aborted"), *segment = desy_path_join(directory, "seg/00/seg-0000000.h5");
    char *pattern = desy_format("%s.tmp.*", segment);
    glob_t found = {0};
    desy_segment *open;
    const struct desy_segment_options options = {directory, 0, plain, CONFIG, "data set", 0};
    assert_int_equal(desy_segment_open(&open, &options), DESY_OK);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    desy_segment_abort(&open);
    assert_null(open);
    assert_false(desy_file_exists(found.gl_pathv[0]));
    assert_false(desy_file_exists(segment));
    globfree(&found);
    free(pattern);
    free(segment);
    free(directory);
}

static void inputs_are_what_they_were_or_not(void **state)
{
    (void)state;
    char before[65], after[65], *directory = desy_path_join(root, "inputs");
    struct desy_item items[2] = {make_item(0), make_item(1)};
    char *clips = desy_path_join(directory, "clips");
    assert_int_equal(desy_make_directory(clips), DESY_OK);
    append_text(directory, "clips/0.mp4", "a");
    assert_int_equal(desy_inputs_sha256(before, directory, items, 2, false), DESY_OK);
    assert_int_equal(desy_inputs_sha256(after, directory, items, 2, false), DESY_OK);
    assert_string_equal(before, after);
    append_text(directory, "clips/0.mp4", "b"); /* another size */
    assert_int_equal(desy_inputs_sha256(after, directory, items, 2, false), DESY_OK);
    assert_string_not_equal(before, after);
    strcpy(before, after);
    char *path = desy_path_join(directory, "clips/0.mp4");
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(desy_inputs_sha256(after, directory, items, 2, false), DESY_OK);
    assert_string_not_equal(before, after);
    strcpy(before, after);
    items[0].audio_path = "clips/0.wav"; /* sound counts where it is asked for */
    assert_int_equal(desy_inputs_sha256(after, directory, items, 2, false), DESY_OK);
    assert_string_equal(before, after);
    assert_int_equal(desy_inputs_sha256(before, directory, items, 2, true), DESY_OK);
    append_text(directory, "clips/0.wav", "a");
    assert_int_equal(desy_inputs_sha256(after, directory, items, 2, true), DESY_OK);
    assert_string_not_equal(before, after);
    assert_int_equal(desy_inputs_sha256(before, directory, items, 2, false), DESY_OK);
    items[1].label = 0; /* the segment holds the label, too */
    assert_int_equal(desy_inputs_sha256(after, directory, items, 2, false), DESY_OK);
    assert_string_not_equal(before, after);
    free(path);
    free(clips);
    free(directory);
}

static void what_is_missing_or_damaged_is_refused(void **state)
{
    (void)state;
    desy_store *store = NULL;
    char *directory = make_store("damaged", &plain), *segment = desy_path_join(directory, "seg/04/seg-0000004.h5"), *away = desy_format("%s.away", segment);
    assert_int_equal(rename(segment, away), 0);
    assert_int_equal(desy_store_open(&store, directory), DESY_EDATA);
    assert_null(store);
    assert_message("seg-0000004.h5: is missing");
    assert_int_equal(rename(away, segment), 0);

    assert_int_equal(desy_store_open(&store, directory), DESY_OK);
    FILE *file = fopen(segment, "r+");
    assert_non_null(file);
    fseek(file, -1, SEEK_END);
    int last = fgetc(file);
    fseek(file, -1, SEEK_END);
    fputc(last ^ 1, file);
    fclose(file);
    assert_int_equal(desy_store_verify(store), DESY_EDATA);
    assert_message("seg-0000004.h5: its bytes have changed");
    desy_store_close(&store);

    assert_int_equal(desy_store_index_remove(directory), DESY_OK);
    assert_int_equal(desy_store_index_remove(directory), DESY_OK); /* there is none: fine */
    assert_int_equal(desy_store_open(&store, directory), DESY_EDATA);
    assert_message("is not a feature store");
    append_text(directory, "extract.json", "{}");
    assert_int_equal(desy_store_open(&store, directory), DESY_EDATA);
    assert_message("run the same extract command again");
    append_text(directory, "index.h5", "no HDF5");
    assert_int_equal(desy_store_open(&store, directory), DESY_EDATA);
    assert_message("index.h5: cannot be read");
    assert_int_equal(desy_store_open(&store, "/nonexistent/store"), DESY_EDATA);
    free(away);
    free(segment);
    free(directory);
}

/* This member of row 0 of `videos`. */
static void write_member(const char *path, const char *member, int value)
{
    const hsize_t one = 1, at = 0;
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), set = H5Dopen2(file, "videos", H5P_DEFAULT), space = H5Dget_space(set), memory = H5Screate_simple(1, &one, NULL);
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof value);
    assert_true(H5Tinsert(type, member, 0, H5T_NATIVE_INT) >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, &at, NULL, &one, NULL) >= 0);
    assert_true(H5Dwrite(set, type, memory, space, H5P_DEFAULT, &value) >= 0);
    H5Tclose(type);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(set);
    H5Fclose(file);
}

static void rows_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct { const char *member; int good, bad[2]; } members[] = {{"label", 0, {-2, 2}}, {"n_frames", T, {-1, T + 1}}};
    char *directory = make_store("range", &plain), *path = desy_path_join(directory, "index.h5");
    for (int i = 0; i < 6; i++) {
        const int value = i % 3 < 2 ? members[i / 3].bad[i % 3] : members[i / 3].good;
        desy_store *store;
        struct desy_store_row row;
        write_member(path, members[i / 3].member, value);
        assert_int_equal(desy_store_open(&store, directory), DESY_OK);
        assert_int_equal(desy_store_read_rows(store, 0, 1, &row), i % 3 < 2 ? DESY_EDATA : DESY_OK);
        if (i % 3 < 2) assert_message("range/index.h5: an item has");
        else desy_store_row_free(&row);
        desy_store_close(&store);
    }
    free(path);
    free(directory);
}

static void numbers_that_are_none_are_refused(void **state)
{
    (void)state;
    desy_segment *segment;
    desy_store *store;
    struct desy_block_record record;
    float features[T][D] = {{0}};
    char *directory = desy_path_join(root, "nan");
    struct desy_item item = make_item(0);
    struct desy_clip *clip = make_clip(0, 0);
    const struct desy_segment_options options = {directory, 0, plain, CONFIG, "data set", 0};
    features[1][1] = NAN;
    assert_int_equal(desy_segment_open(&segment, &options), DESY_OK);
    assert_int_equal(desy_segment_append(segment, &item, clip, &features[0][0]), DESY_OK);
    assert_int_equal(desy_segment_commit(&segment, 0, "inputs"), DESY_OK);
    assert_int_equal(desy_store_scan(&record, 1, directory, CONFIG), DESY_OK);
    assert_int_equal(desy_store_index(directory, &record, 1, &plain, NULL), DESY_OK);
    assert_int_equal(desy_store_open(&store, directory), DESY_OK);
    assert_int_equal(desy_store_read_features(store, 0, 1, &features[0][0]), DESY_EDATA);
    assert_message("row 0");
    desy_store_close(&store);
    free(clip);
    free(directory);
}

static void an_unwritable_place_is_said_so(void **state)
{
    (void)state;
    desy_segment *segment;
    char *file = desy_path_join(root, "file"), *inside = desy_path_join(file, "store");
    append_text(root, "file", "in the way");
    const struct desy_segment_options options = {inside, 0, plain, CONFIG, "data set", 0};
    assert_int_equal(desy_segment_open(&segment, &options), DESY_EENV);
    assert_null(segment);
    assert_message("file");
    free(inside);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_depend_on_items_alone), cmocka_unit_test(another_layout_is_refused),
        cmocka_unit_test(equal_contents_are_equal_bytes), cmocka_unit_test(resuming_knows_what_is_done),
        cmocka_unit_test(an_aborted_segment_leaves_nothing), cmocka_unit_test(inputs_are_what_they_were_or_not),
        cmocka_unit_test(what_is_missing_or_damaged_is_refused), cmocka_unit_test(numbers_that_are_none_are_refused),
        cmocka_unit_test(an_unwritable_place_is_said_so), cmocka_unit_test(rows_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
