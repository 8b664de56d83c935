/* The store: what is written is read back; resuming knows what is done; nothing missing or damaged is read as zeros. */
#include "base/error.h"
#include "base/file.h"
#include "features/store.h"

#include <fcntl.h>
#include <hdf5.h>
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

enum { T = 4, D = 3, BLOCKS = 5, ITEMS = 7, VIDEOS = 10, ROWS = 7 };
#define CONFIG "c0ffee"

static char root[] = "/tmp/desy-store-XXXXXX";
static const size_t block_of[ITEMS] = {0, 0, 1, 2, 2, 3, 4};
static const bool good[ITEMS] = {true, false, true, true, true, false, true}; /* block 3 holds no features at all */
static const int windows[ITEMS] = {1, 1, 3, 1, 2, 1, 1};                      /* the last of item 2 can't be read */
static const struct desy_store_shape plain = {"hybrid", T, D, false, false}, rich = {"hybrid", T, D, true, true};

static bool is_read(size_t item, int window)
{
    return good[item] && !(item == 2 && window == 2);
}

static float value(size_t item, int window, int t, int d)
{
    return (float)item * 100 + (float)window * 1000 + (float)t * 10 + (float)d + 0.25f;
}

static struct desy_clip *make_clip(size_t item, int window)
{
    const bool ok = is_read(item, window);
    struct desy_clip *clip = malloc(sizeof *clip);
    assert_non_null(clip);
    memset(clip, 99, sizeof *clip); /* what a clip does not fill must not be stored */
    memset(clip, 0, offsetof(struct desy_clip, audio));
    clip->status = ok ? DESY_STATUS_OK : DESY_STATUS_UNREADABLE;
    if (!ok) strcpy(clip->reason, "not a video");
    clip->window = window, clip->windows = windows[item];
    clip->rotation = 90, clip->key_frames = 3, clip->longest_gop = 48, clip->reordering = 2;
    clip->audio_samples = item == 0 ? 0 : 100 * (int)item;
    for (int i = 0; i < clip->audio_samples; i++) clip->audio[i] = (int16_t)((int)item * 1000 - i + window);
    for (int k = 0; k < DESY_CROPS; k++) memset(clip->crops[k], (int)(10 * item) + 4 * window + k, sizeof clip->crops[k]);
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

static int append_clip(desy_segment *segment, size_t i, int window)
{
    float features[T][D];
    struct desy_clip *clip = make_clip(i, window);
    struct desy_item item = make_item(i);
    for (int t = 0; t < T; t++)
        for (int d = 0; d < D; d++) features[t][d] = value(i, window, t, d);
    int rc = desy_segment_append(segment, &item, clip, is_read(i, window) ? &features[0][0] : NULL);
    free(clip);
    return rc;
}

static int write_block(const char *directory, const struct desy_store_shape *shape, uint64_t block, int rank, const char *inputs)
{
    desy_segment *segment;
    const struct desy_segment_options options = {directory, block, *shape, CONFIG};
    int rc = desy_segment_open(&segment, &options);
    for (size_t i = 0; i < ITEMS && rc == DESY_OK; i++) {
        if (block_of[i] != block) continue;
        for (int window = 0; window < windows[i] && rc == DESY_OK; window++) rc = append_clip(segment, i, window);
    }
    if (rc == DESY_OK) return desy_segment_commit(&segment, rank, inputs);
    desy_segment_abort(&segment);
    return rc;
}

static void assert_message(const char *part)
{
    if (!strstr(desy_error_message(), part)) fail_msg("\"%s\" is not in the message \"%s\"", part, desy_error_message());
}

/* A whole store under root/NAME. */
static char *make_store(const char *name, const struct desy_store_shape *shape)
{
    struct desy_block_record records[BLOCKS];
    uint64_t ok = 0, failed = 0, videos = 0, rows = 0;
    char *directory = desy_path_join(root, name);
    assert_int_equal(desy_make_directory(directory), DESY_OK);
    for (uint64_t block = BLOCKS; block-- > 0;) assert_int_equal(write_block(directory, shape, block, (int)(block % 2), "inputs"), DESY_OK);
    assert_int_equal(desy_store_scan(records, BLOCKS, directory, CONFIG), DESY_OK);
    assert_false(desy_store_index_current(directory, records, BLOCKS));
    cJSON *provenance = cJSON_CreateObject();
    cJSON_AddStringToObject(provenance, "isa", "AVX2");
    cJSON_AddNumberToObject(provenance, "threads", 1);
    assert_int_equal(desy_store_index(directory, records, BLOCKS, shape, provenance), DESY_OK);
    cJSON_Delete(provenance);
    for (int i = 0; i < BLOCKS; i++) ok += records[i].ok, failed += records[i].failed, videos += records[i].videos, rows += records[i].rows;
    assert_int_equal(ok, 5); /* items: windows don't count */
    assert_int_equal(failed, 2);
    assert_int_equal(videos, VIDEOS);
    assert_int_equal(rows, ROWS);
    assert_true(desy_store_index_current(directory, records, BLOCKS));
    assert_false(desy_store_index_current(directory, records, BLOCKS - 1));
    return directory;
}

static void blocks_depend_on_items_alone(void **state)
{
    (void)state;
    const struct desy_store_shape usual = {"hybrid", 16, 2048, false, false}, small = {"hybrid", 16, 64, false, false}, large = {"hybrid", 64, 2048, false, false},
                                  crops = {"hybrid", 16, 2048, true, false}, audio = {"hybrid", 16, 64, false, true};
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
    const struct desy_segment_options options = {directory, 0, plain, CONFIG};
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
    const struct desy_segment_options options = {directory, 0, plain, CONFIG};
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
    const struct desy_segment_options options = {inside, 0, plain, CONFIG};
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
        cmocka_unit_test(what_was_not_extracted_is_said_so), cmocka_unit_test(every_array_is_in_the_content_hash),
        cmocka_unit_test(a_missing_array_is_noticed), cmocka_unit_test(another_layout_is_refused),
        cmocka_unit_test(equal_contents_are_equal_bytes), cmocka_unit_test(resuming_knows_what_is_done),
        cmocka_unit_test(an_aborted_segment_leaves_nothing), cmocka_unit_test(inputs_are_what_they_were_or_not),
        cmocka_unit_test(what_is_missing_or_damaged_is_refused), cmocka_unit_test(numbers_that_are_none_are_refused),
        cmocka_unit_test(an_unwritable_place_is_said_so),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
