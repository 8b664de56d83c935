/* What a decode helper left in shared memory is not trusted: every number that would lead astray is refused. */
#include "features/clip_check.h"
#include "tests/unit/unit.h"

#include <math.h>

static struct desy_clip *shared, *copy;
static struct desy_clip_request request;

static void make_good(void)
{
    memset(shared, 0, sizeof *shared);
    memset(copy, 7, sizeof *copy);
    request = (struct desy_clip_request){.frames = 16, .forensic = true};
    strcpy(shared->codec, "h264");
    shared->width = 64, shared->height = 48, shared->fps = 25, shared->duration = 4, shared->total_frames = 100, shared->frames = 16, shared->windows = 1;
    for (int k = 0; k < 16; k++) {
        shared->frame_index[k] = 2 * k;
        shared->pts[k] = .08 * k;
        shared->forensic[k][DESY_FORENSIC_DIMS - 1] = (float)k;
        shared->rgb[k][223][223][2] = (uint8_t)k;
    }
}

static void what_is_good_is_copied(void **state)
{
    (void)state;
    make_good();
    assert_true(desy_clip_copy(copy, shared, &request));
    assert_memory_equal(copy, shared, offsetof(struct desy_clip, audio));
    assert_memory_equal(copy->forensic, shared->forensic, 16 * sizeof *copy->forensic);
    assert_memory_equal(copy->rgb, shared->rgb, 16 * sizeof *copy->rgb);
}

#define REFUSED(statement)                                     \
    do {                                                       \
        make_good();                                           \
        statement;                                             \
        assert_false(desy_clip_copy(copy, shared, &request));  \
    } while (0)

static void nonsense_is_refused(void **state)
{
    (void)state;
    REFUSED(shared->frames = 3);
    REFUSED(shared->frames = -1);
    REFUSED(shared->frames = 17); /* more than was asked for */
    REFUSED(shared->frames = 1 << 30);
    REFUSED((request.frames = 1000, shared->frames = 65));
    REFUSED(shared->width = 0);
    REFUSED(shared->height = -5);
    REFUSED(shared->width = 1 << 20);
    REFUSED(shared->fps = NAN);
    REFUSED(shared->duration = INFINITY);
    REFUSED(shared->duration = -1);
    REFUSED(shared->bit_rate = -1);
    REFUSED(shared->size = -2);
    REFUSED(shared->frame_index[0] = -1);
    REFUSED(shared->frame_index[9] = shared->frame_index[8]);
    REFUSED(shared->total_frames = 30); /* the last frame is number 30 */
    REFUSED(shared->pts[15] = 0);
    REFUSED(shared->pts[3] = NAN);
    REFUSED(shared->forensic[15][DESY_FORENSIC_DIMS - 1] = NAN);
    REFUSED(shared->forensic[0][0] = -INFINITY);
    REFUSED(shared->windows = 0);
    REFUSED(shared->windows = 2); /* more than were asked for */
    REFUSED(shared->window = 1);
    REFUSED(shared->window = -1);
    REFUSED(shared->rotation = 45);
    REFUSED(shared->rotation = 360);
    REFUSED(shared->key_frames = -1);
    REFUSED(shared->longest_gop = -1);
    REFUSED(shared->reordering = -1);
    REFUSED(shared->audio_samples = 1); /* not asked for */
    REFUSED((request.audio = true, shared->audio_samples = DESY_AUDIO_SAMPLES + 1));
    REFUSED((request.audio = true, shared->audio_samples = -1));
    REFUSED(shared->status = DESY_STATUS_CRASHED); /* a helper that can say so has not */
    REFUSED(shared->status = (enum desy_status)77);
}

static void texts_are_ended_and_printable(void **state)
{
    (void)state;
    make_good();
    memset(shared->reason, 'x', sizeof shared->reason);
    memset(shared->codec, 'y', sizeof shared->codec);
    strcpy(shared->container, "a\nb\x1b[31m\xff");
    assert_true(desy_clip_copy(copy, shared, &request));
    assert_int_equal(strlen(copy->reason), sizeof copy->reason - 1);
    assert_int_equal(strlen(copy->codec), sizeof copy->codec - 1);
    assert_string_equal(copy->container, "a?b?[31m?");
}

static void a_failed_clip_has_no_frames(void **state)
{
    (void)state;
    make_good();
    shared->status = DESY_STATUS_TOO_SHORT;
    shared->width = -1; /* numbers of a clip that failed are nothing */
    shared->window = 7, shared->windows = 0, shared->audio_samples = -1, shared->fps = NAN, shared->duration = -INFINITY;
    shared->bit_rate = shared->total_frames = -1, shared->rotation = shared->key_frames = shared->longest_gop = shared->reordering = -1;
    strcpy(shared->reason, "2 frames");
    assert_true(desy_clip_copy(copy, shared, &request));
    assert_int_equal(copy->frames, 0);
    assert_int_equal(copy->audio_samples, 0);
    assert_int_equal(copy->window, 0);
    assert_int_equal(copy->windows, 1);
    assert_true(desy_clip_is_last(copy));
    assert_true(copy->width == 0 && copy->height == 48 && copy->fps == 0 && copy->duration == 0 && copy->bit_rate == 0 && copy->total_frames == 0);
    assert_true(copy->rotation == 0 && copy->key_frames == 0 && copy->longest_gop == 0 && copy->reordering == 0);
    assert_string_equal(copy->reason, "2 frames");
}

static int make_clips(void **state)
{
    (void)state;
    shared = malloc(sizeof *shared);
    copy = malloc(sizeof *copy);
    return shared && copy ? 0 : -1;
}

static int free_clips(void **state)
{
    (void)state;
    free(shared);
    free(copy);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_good_is_copied), cmocka_unit_test(nonsense_is_refused),
                                       cmocka_unit_test(texts_are_ended_and_printable), cmocka_unit_test(a_failed_clip_has_no_frames)};
    return cmocka_run_group_tests(tests, make_clips, free_clips);
}
