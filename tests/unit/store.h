/* A small store for tests: seven items in five blocks; one has three windows, the last of which can't be read, another has two. */
#ifndef DESY_TESTS_UNIT_STORE_H
#define DESY_TESTS_UNIT_STORE_H

#include "base/error.h"
#include "base/file.h"
#include "features/store.h"
#include "tests/unit/unit.h"

enum { T = 4, D = 3, BLOCKS = 5, ITEMS = 7, VIDEOS = 10, ROWS = 7 };
#define CONFIG "c0ffee"

static char root[] = "/tmp/desy-store-XXXXXX";
static const size_t block_of[ITEMS] = {0, 0, 1, 2, 2, 3, 4};
static const bool good[ITEMS] = {true, false, true, true, true, false, true}; /* block 3 holds no features at all */
static const int windows[ITEMS] = {1, 1, 3, 1, 2, 1, 1};                      /* the last of item 2 can't be read */
static const struct desy_store_shape plain = {.extractor = "hybrid", .frames = T, .dims = D}, rich = {.extractor = "hybrid", .frames = T, .dims = D, .crops = true, .audio = true};

static inline bool is_read(size_t item, int window)
{
    return good[item] && !(item == 2 && window == 2);
}

static inline float value(size_t item, int window, int t, int d)
{
    return (float)item * 100 + (float)window * 1000 + (float)t * 10 + (float)d + 0.25f;
}

static inline struct desy_clip *make_clip(size_t item, int window)
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
    strcpy(clip->muxer, "Lavf61.7.100");
    strcpy(clip->pixel_format, "yuv420p");
    clip->width = 320, clip->height = 240, clip->fps = 29.97, clip->duration = 2.5, clip->bit_rate = 1000000;
    clip->size = 5000 + (int64_t)item, clip->mtime_ns = 1234567890123456789, clip->total_frames = 75;
    clip->frames = T;
    for (int t = 0; t < T; t++) clip->frame_index[t] = 10 * t, clip->pts[t] = t / 8.0;
    return clip;
}

static inline struct desy_item make_item(size_t i)
{
    static char paths[ITEMS][32];
    snprintf(paths[i], sizeof paths[i], "clips/%zu.mp4", i);
    return (struct desy_item){.id = 1000 + i, .video_path = paths[i], .label = (int)(i % 2), .source = i % 2 ? "generator" : "camera",
                              .group = "g", .text = i == 2 ? "caf\xc3\xa9" : "", .audio_path = "", .split = i < 4 ? DESY_SPLIT_TRAIN : DESY_SPLIT_NONE};
}

static inline int append_clip(desy_segment *segment, size_t i, int window)
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

static inline int write_block(const char *directory, const struct desy_store_shape *shape, uint64_t block, int rank, const char *inputs)
{
    desy_segment *segment;
    const struct desy_segment_options options = {directory, block, *shape, CONFIG, "data set", 0};
    int rc = desy_segment_open(&segment, &options);
    for (size_t i = 0; i < ITEMS && rc == DESY_OK; i++) {
        if (block_of[i] != block) continue;
        for (int window = 0; window < windows[i] && rc == DESY_OK; window++) rc = append_clip(segment, i, window);
    }
    if (rc == DESY_OK) return desy_segment_commit(&segment, rank, inputs);
    desy_segment_abort(&segment);
    return rc;
}

static inline void assert_message(const char *part)
{
    if (!strstr(desy_error_message(), part)) fail_msg("\"%s\" is not in the message \"%s\"", part, desy_error_message());
}

/* A whole store under root/NAME. */
static inline char *make_store(const char *name, const struct desy_store_shape *shape)
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

static inline int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) ? 0 : -1;
}

static inline int remove_root(void **state)
{
    (void)state;
    char *command = desy_format("rm -rf '%s'", root);
    int rc = command ? system(command) : -1;
    free(command);
    return rc;
}

#endif
