/* Synthetic clips: decodable, as planned, the same bytes each time, and alike in format between the classes. */
#include "base/error.h"
#include "base/file.h"
#include "features/synthesis.h"
#include "features/video.h"
#include "tests/unit/unit.h"

#include <libavformat/avformat.h>

static struct desy_clip *read_clip(const char *path)
{
    struct desy_clip_request request = {.sampling = DESY_SAMPLING_WINDOW, .frames = 16, .transform = DESY_TRANSFORM_EFFICIENTNET};
    struct desy_clip *clip = calloc(1, sizeof *clip);
    assert_non_null(clip);
    assert_true((size_t)snprintf(request.path, sizeof request.path, "%s", path) < sizeof request.path);
    assert_int_equal(desy_video_read(clip, &request), DESY_OK);
    return clip;
}

static bool has_sound(const char *path)
{
    AVFormatContext *format = NULL;
    assert_int_equal(avformat_open_input(&format, path, NULL, NULL), 0);
    assert_true(avformat_find_stream_info(format, NULL) >= 0);
    const bool sound = av_find_best_stream(format, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0) >= 0;
    avformat_close_input(&format);
    return sound;
}

static void test_clips(void **state)
{
    static const char *const codecs[] = {"h264", "mpeg4", "vp9", "gif", "h264"};
    struct desy_clip *other = NULL;
    (void)state;
    for (int i = 0; i < 10; i++) { /* every format, both classes */
        struct desy_synthesis plan;
        desy_synthesis_plan(&plan, 1, i);
        assert_int_equal(plan.label, i % 2);
        assert_int_equal(desy_synthesis_write(&plan, plan.name), DESY_OK);
        struct desy_clip *clip = read_clip(plan.name);
        assert_int_equal(clip->status, DESY_STATUS_OK);
        assert_string_equal(clip->codec, codecs[i / 2]);
        assert_int_equal(clip->width, plan.width);
        assert_int_equal(clip->height, plan.height);
        assert_int_equal(clip->total_frames, plan.frames);
        assert_true(clip->fps > plan.fps * .99 && clip->fps < plan.fps * 1.01);
        assert_true(has_sound(plan.name) == plan.sound);
        if (i % 2) { /* of the other class, the same in everything that is not the picture */
            assert_string_equal(clip->codec, other->codec);
            assert_string_equal(clip->container, other->container);
            assert_string_equal(clip->pixel_format, other->pixel_format);
            assert_int_equal(clip->width, other->width);
            assert_int_equal(clip->height, other->height);
            assert_true(clip->fps == other->fps && clip->total_frames == other->total_frames);
            assert_memory_not_equal(clip->rgb[0], other->rgb[0], sizeof clip->rgb[0]);
        }
        free(other);
        other = clip;
    }
    free(other);
}

static void test_same_bytes(void **state)
{
    char *first = NULL, *second = NULL;
    size_t first_size = 0, second_size = 0;
    struct desy_synthesis plan, seeded;
    (void)state;
    for (int i = 0; i < 5; i += 4) { /* H.264, which needs care (synthesis.c), and VP9 */
        desy_synthesis_plan(&plan, 1, i);
        assert_int_equal(desy_synthesis_write(&plan, "again"), DESY_OK);
        assert_int_equal(desy_file_read(&first, &first_size, plan.name), DESY_OK);
        assert_int_equal(desy_file_read(&second, &second_size, "again"), DESY_OK);
        assert_int_equal(first_size, second_size);
        assert_memory_equal(first, second, first_size);
        free(first);
        free(second);
    }
    desy_synthesis_plan(&seeded, 2, 4);
    assert_int_equal(desy_synthesis_write(&seeded, "again"), DESY_OK);
    assert_int_equal(desy_file_read(&first, &first_size, plan.name), DESY_OK);
    assert_int_equal(desy_file_read(&second, &second_size, "again"), DESY_OK);
    assert_true(first_size != second_size || memcmp(first, second, first_size) != 0); /* another seed, another clip */
    free(first);
    free(second);
}

/* 60 clips: three sources a class, each with every format; a group has one source; formats are dealt alike. */
static void test_plan(void **state)
{
    int formats[2][5] = {{0}}, seen[2][3][5] = {{{0}}};
    const char *group_source[100] = {NULL};
    char groups[100][32];
    size_t n_groups = 0;
    (void)state;
    for (int i = 0; i < 60; i++) {
        struct desy_synthesis plan;
        size_t g = 0;
        desy_synthesis_plan(&plan, 1, i);
        formats[plan.label][plan.format]++;
        seen[plan.label][plan.kind][plan.format]++;
        while (g < n_groups && strcmp(groups[g], plan.group) != 0) g++;
        if (g == n_groups) {
            strcpy(groups[n_groups], plan.group);
            group_source[n_groups++] = plan.source;
        }
        assert_string_equal(group_source[g], plan.source);
    }
    assert_true(n_groups > 30 && n_groups < 60);
    assert_memory_equal(formats[0], formats[1], sizeof formats[0]);
    for (int i = 0; i < 2 * 3 * 5; i++) assert_int_equal(seen[i / 15][i / 5 % 3][i % 5], 2);
}

static void test_broken(void **state)
{
    (void)state;
    for (int kind = 0; kind < DESY_SYNTHESIS_BROKEN_KINDS; kind++) {
        assert_int_equal(desy_synthesis_write_broken("broken.mp4", kind, "00000.mp4"), DESY_OK);
        struct desy_clip *clip = read_clip("broken.mp4");
        assert_int_equal(clip->status, DESY_STATUS_UNREADABLE);
        free(clip);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_clips), cmocka_unit_test(test_same_bytes), cmocka_unit_test(test_plan), cmocka_unit_test(test_broken)};
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
