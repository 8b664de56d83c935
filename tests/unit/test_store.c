/* The store: what is written is read back; resuming knows what is done; nothing missing or damaged is read as zeros. */
#include "base/error.h"
#include "base/file.h"
#include "features/store.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { T = 4, D = 3, BLOCKS = 5, ITEMS = 7 };
#define CONFIG "c0ffee"

static char root[] = "/tmp/desy-store-XXXXXX";
static const size_t block_of[ITEMS] = {0, 0, 1, 2, 2, 3, 4};
static const bool good[ITEMS] = {true, false, true, true, true, false, true}; /* block 3 holds no features at all */

static float value(size_t item, int t, int d)
{
    return (float)item * 100 + (float)t * 10 + (float)d + 0.25f;
}

static struct desy_clip *make_clip(size_t item)
{
    struct desy_clip *clip = calloc(1, sizeof *clip);
    assert_non_null(clip);
    clip->status = good[item] ? DESY_STATUS_OK : DESY_STATUS_UNREADABLE;
    if (!good[item]) strcpy(clip->reason, "not a video");
    strcpy(clip->codec, "h264");
    strcpy(clip->container, "mov,mp4");
    strcpy(clip->pixel_format, "yuv420p");
    clip->width = 320, clip->height = 240, clip->fps = 29.97, clip->duration = 2.5, clip->bit_rate = 1000000;
    clip->size = 5000 + (int64_t)item, clip->mtime_ns = 1234567890123456789, clip->total_frames = 75;
    clip->frames = T;
    for (int t = 0; t < T; t++) clip->frame_index[t] = 10 * t, clip->pts[t] = t / 8.0;
    return clip;
}

static struct desy_item make_item(size_t i)
{
    static char paths[ITEMS][32];
    snprintf(paths[i], sizeof paths[i], "clips/%zu.mp4", i);
    return (struct desy_item){.id = 1000 + i, .video_path = paths[i], .label = (int)(i % 2), .source = i % 2 ? "generator" : "camera",
                              .group = "g", .text = i == 2 ? "caf\xc3\xa9" : "", .audio_path = "", .split = i < 4 ? DESY_SPLIT_TRAIN : DESY_SPLIT_NONE};
}

static int write_block(const char *directory, uint64_t block, int rank, const char *inputs)
{
    desy_segment *segment;
    const struct desy_segment_options options = {directory, block, "hybrid", T, D, CONFIG};
    int rc = desy_segment_open(&segment, &options);
    for (size_t i = 0; i < ITEMS && rc == DESY_OK; i++) {
        float features[T][D];
        if (block_of[i] != block) continue;
        for (int t = 0; t < T; t++)
            for (int d = 0; d < D; d++) features[t][d] = value(i, t, d);
        struct desy_clip *clip = make_clip(i);
        struct desy_item item = make_item(i);
        rc = desy_segment_append(segment, &item, clip, good[i] ? &features[0][0] : NULL);
        free(clip);
    }
    if (rc == DESY_OK) return desy_segment_commit(&segment, rank, inputs);
    desy_segment_abort(&segment);
    return rc;
}

/* A whole store under root/NAME. */
static char *make_store(const char *name)
{
    struct desy_block_record records[BLOCKS];
    uint64_t ok, failed;
    char *directory = desy_path_join(root, name);
    assert_int_equal(desy_make_directory(directory), DESY_OK);
    for (uint64_t block = BLOCKS; block-- > 0;) assert_int_equal(write_block(directory, block, (int)(block % 2), "inputs"), DESY_OK);
    assert_int_equal(desy_store_scan(records, BLOCKS, directory, CONFIG), DESY_OK);
    assert_false(desy_store_index_current(directory, records, BLOCKS));
    cJSON *provenance = cJSON_CreateObject();
    cJSON_AddStringToObject(provenance, "isa", "AVX2");
    cJSON_AddNumberToObject(provenance, "threads", 1);
    assert_int_equal(desy_store_index(directory, records, BLOCKS, "hybrid", T, D, provenance, &ok, &failed), DESY_OK);
    cJSON_Delete(provenance);
    assert_int_equal(ok, 5);
    assert_int_equal(failed, 2);
    assert_true(desy_store_index_current(directory, records, BLOCKS));
    assert_false(desy_store_index_current(directory, records, BLOCKS - 1));
    return directory;
}

static void assert_message(const char *part)
{
    if (!strstr(desy_error_message(), part)) fail_msg("\"%s\" is not in the message \"%s\"", part, desy_error_message());
}

static void blocks_depend_on_items_alone(void **state)
{
    (void)state;
    assert_int_equal(desy_store_block_items(1, 16, 2048), 1);
    assert_int_equal(desy_store_block_items(10000, 16, 2048), 2);
    assert_int_equal(desy_store_block_items(10000000, 16, 64), 512);
    assert_int_equal(desy_store_block_items(10000000, 16, 2048), 512);
    assert_int_equal(desy_store_block_items(10000000, 64, 2048), 128); /* 64 MB */
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    char *directory = make_store("whole");
    desy_store *store;
    struct desy_store_row rows[ITEMS];
    float features[5][T][D];
    assert_int_equal(desy_store_open(&store, directory), DESY_OK);
    assert_int_equal(desy_store_items(store), ITEMS);
    assert_int_equal(desy_store_rows(store), 5);
    assert_int_equal(desy_store_frames(store), T);
    assert_int_equal(desy_store_dims(store), D);
    assert_string_equal(desy_store_extractor(store), "hybrid");
    assert_string_equal(desy_store_attribute(store, "isa"), "AVX2");
    assert_string_equal(desy_store_attribute(store, "threads"), "1");
    assert_null(desy_store_attribute(store, "nothing"));
    assert_int_equal(desy_store_read_rows(store, 0, ITEMS, rows), DESY_OK);
    assert_int_equal(desy_store_read_features(store, 0, 5, &features[0][0][0]), DESY_OK);
    for (size_t i = 0, next = 0; i < ITEMS; i++) {
        struct desy_item item = make_item(i);
        assert_int_equal(rows[i].id, item.id);
        assert_string_equal(rows[i].video_path, item.video_path);
        assert_string_equal(rows[i].source, item.source);
        assert_string_equal(rows[i].text, item.text);
        assert_int_equal(rows[i].label, item.label);
        assert_int_equal(rows[i].split, item.split);
        assert_int_equal(rows[i].status, good[i] ? DESY_STATUS_OK : DESY_STATUS_UNREADABLE);
        assert_string_equal(rows[i].reason, good[i] ? "" : "not a video");
        assert_int_equal(rows[i].n_frames, good[i] ? T : 0);
        assert_int_equal(rows[i].row, good[i] ? (int64_t)next : -1);
        assert_int_equal(rows[i].size, 5000 + i);
        assert_true(rows[i].fps == 29.97);
        for (int t = 0; good[i] && t < T; t++)
            for (int d = 0; d < D; d++) assert_true(features[next][t][d] == value(i, t, d));
        next += good[i];
        desy_store_row_free(&rows[i]);
    }
    assert_int_equal(desy_store_read_features(store, 2, 1, &features[0][0][0]), DESY_OK);
    assert_true(features[0][0][0] == value(3, 0, 0));
    assert_int_equal(desy_store_read_features(store, 4, 2, &features[0][0][0]), DESY_EUSAGE);
    assert_int_equal(desy_store_verify(store), DESY_OK);
    desy_store_close(&store);
    assert_null(store);
    free(directory);
}

static void equal_contents_are_equal_bytes(void **state)
{
    (void)state;
    char *one = make_store("one"), *two = make_store("two"), hashes[2][65];
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
    char *directory = make_store("resume"), *segment = desy_path_join(directory, "seg/02/seg-0000002.h5");
    assert_int_equal(desy_store_scan(records, BLOCKS, directory, "another configuration"), DESY_OK);
    for (int i = 0; i < BLOCKS; i++) assert_false(records[i].listed);

    /* A run that was killed in the middle of a line, then goes on: its next line counts. */
    append_text(directory, "manifest-00000.jsonl", "{\"block\":0,\"file\":\"seg/0");
    assert_int_equal(write_block(directory, 0, 0, "newer"), DESY_OK);
    assert_int_equal(desy_store_scan(records, BLOCKS, directory, CONFIG), DESY_OK);
    assert_true(records[0].listed);
    assert_string_equal(records[0].inputs_sha256, "newer");
    assert_int_equal(records[0].items, 2);
    assert_int_equal(records[0].failed, 1);

    /* The newest line counts, whichever rank wrote it. */
    assert_int_equal(write_block(directory, 1, 0, "first"), DESY_OK);
    assert_int_equal(write_block(directory, 1, 3, "second"), DESY_OK);
    assert_int_equal(write_block(directory, 1, 2, "third"), DESY_OK);
    assert_int_equal(desy_store_scan(records, BLOCKS, directory, CONFIG), DESY_OK);
    assert_string_equal(records[1].inputs_sha256, "third");

    assert_int_equal(truncate(segment, 100), 0);
    assert_int_equal(desy_store_scan(records, BLOCKS, directory, CONFIG), DESY_OK);
    assert_false(records[2].listed);
    assert_true(records[3].listed);
    free(segment);
    free(directory);
}

static void an_aborted_segment_leaves_nothing(void **state)
{
    (void)state;
    char *directory = desy_path_join(root, "aborted"), *segment = desy_path_join(directory, "seg/00/seg-0000000.h5");
    char *temporary = desy_format("%s.tmp", segment);
    desy_segment *open;
    const struct desy_segment_options options = {directory, 0, "hybrid", T, D, CONFIG};
    assert_int_equal(desy_segment_open(&open, &options), DESY_OK);
    assert_true(desy_file_exists(temporary));
    desy_segment_abort(&open);
    assert_null(open);
    assert_false(desy_file_exists(temporary));
    assert_false(desy_file_exists(segment));
    free(temporary);
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
    assert_int_equal(desy_inputs_sha256(before, directory, items, 2), DESY_OK);
    assert_int_equal(desy_inputs_sha256(after, directory, items, 2), DESY_OK);
    assert_string_equal(before, after);
    append_text(directory, "clips/0.mp4", "b"); /* another size */
    assert_int_equal(desy_inputs_sha256(after, directory, items, 2), DESY_OK);
    assert_string_not_equal(before, after);
    strcpy(before, after);
    char *path = desy_path_join(directory, "clips/0.mp4");
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(desy_inputs_sha256(after, directory, items, 2), DESY_OK);
    assert_string_not_equal(before, after);
    strcpy(before, after);
    items[1].label = 0; /* the segment holds the label, too */
    assert_int_equal(desy_inputs_sha256(after, directory, items, 2), DESY_OK);
    assert_string_not_equal(before, after);
    free(path);
    free(clips);
    free(directory);
}

static void what_is_missing_or_damaged_is_refused(void **state)
{
    (void)state;
    desy_store *store = NULL;
    char *directory = make_store("damaged"), *segment = desy_path_join(directory, "seg/04/seg-0000004.h5"), *away = desy_format("%s.away", segment);
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

static void numbers_that_are_none_are_refused(void **state)
{
    (void)state;
    desy_segment *segment;
    desy_store *store;
    uint64_t ok, failed;
    struct desy_block_record record;
    float features[T][D] = {{0}};
    char *directory = desy_path_join(root, "nan");
    struct desy_item item = make_item(0);
    struct desy_clip *clip = make_clip(0);
    const struct desy_segment_options options = {directory, 0, "hybrid", T, D, CONFIG};
    features[1][1] = NAN;
    assert_int_equal(desy_segment_open(&segment, &options), DESY_OK);
    assert_int_equal(desy_segment_append(segment, &item, clip, &features[0][0]), DESY_OK);
    assert_int_equal(desy_segment_commit(&segment, 0, "inputs"), DESY_OK);
    assert_int_equal(desy_store_scan(&record, 1, directory, CONFIG), DESY_OK);
    assert_int_equal(desy_store_index(directory, &record, 1, "hybrid", T, D, NULL, &ok, &failed), DESY_OK);
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
    const struct desy_segment_options options = {inside, 0, "hybrid", T, D, CONFIG};
    assert_int_equal(desy_segment_open(&segment, &options), DESY_EENV);
    assert_null(segment);
    assert_message("file");
    free(inside);
    free(file);
}

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    char *command = desy_format("rm -rf '%s'", root);
    int rc = command ? system(command) : -1;
    free(command);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_depend_on_items_alone), cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(equal_contents_are_equal_bytes), cmocka_unit_test(resuming_knows_what_is_done),
        cmocka_unit_test(an_aborted_segment_leaves_nothing), cmocka_unit_test(inputs_are_what_they_were_or_not),
        cmocka_unit_test(what_is_missing_or_damaged_is_refused), cmocka_unit_test(numbers_that_are_none_are_refused),
        cmocka_unit_test(an_unwritable_place_is_said_so),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
