/* Which frames are looked at, against formulae in whole numbers and against a search of every frame. */
#include "base/error.h"
#include "features/sampling.h"
#include "tests/unit/unit.h"

#include <math.h>

enum { WANTED = 16, MOST = 2000 };

static int64_t frames[WANTED + 1];

static int sample(enum desy_sampling sampling, const double *seconds, int64_t n)
{
    for (int k = 0; k <= WANTED; k++) frames[k] = -7;
    const int got = desy_sample_frames(frames, WANTED, sampling, 0, 1, &(struct desy_times){seconds, n, NULL, 0});
    assert_int_equal(frames[WANTED], -7);
    for (int k = 0; k < got; k++) assert_true(frames[k] >= 0 && frames[k] < n && (k == 0 || frames[k] > frames[k - 1]));
    return got;
}

static const double *even_times(double rate, int64_t n)
{
    static double seconds[MOST];
    assert_true(n <= MOST);
    for (int64_t i = 0; i < n; i++) seconds[i] = (double)i / rate;
    return seconds;
}

/* numerator / denominator to the nearest, of two equally near the lower: ceil(x - 1/2). */
static int64_t nearest(int64_t numerator, int64_t denominator)
{
    return (int64_t)ceil(((double)numerator * 2 - (double)denominator) / (2.0 * (double)denominator));
}

static void few_frames_are_all_taken(void **state)
{
    (void)state;
    for (int64_t n = 4; n <= WANTED; n++)
        for (int sampling = DESY_SAMPLING_WINDOW; sampling <= DESY_SAMPLING_UNIFORM; sampling++) {
            assert_int_equal(sample((enum desy_sampling)sampling, even_times(25, n), n), n);
            for (int64_t k = 0; k < n; k++) assert_int_equal(frames[k], k);
        }
}

/* Frame i of a video at `rate` is at i / rate; the middle is (n - 1) / 2 frames; 1/8 s are rate / 8 frames. */
static void the_window_is_around_the_middle(void **state)
{
    static const int rates[] = {8, 10, 12, 15, 16, 24, 25, 30, 50, 60, 120};
    (void)state;
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
        for (int64_t n = 2 * rates[r] < 17 ? 17 : 2 * rates[r]; n < 2 * rates[r] + 400; n += n % 7 + 1) {
            assert_int_equal(sample(DESY_SAMPLING_WINDOW, even_times(rates[r], n), n), WANTED);
            for (int k = 0; k < WANTED; k++) assert_int_equal(frames[k], nearest(8 * (n - 1) + rates[r] * (2 * k - 15), 16));
        }
}

/* Less than 2 s: from the first frame to the last. */
static void short_clips_are_spread(void **state)
{
    static const int rates[] = {9, 12, 24, 25, 30, 60, 240};
    (void)state;
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
        for (int64_t n = 17; n < 2 * rates[r]; n++) {
            assert_int_equal(sample(DESY_SAMPLING_WINDOW, even_times(rates[r], n), n), WANTED);
            for (int k = 0; k < WANTED; k++) assert_int_equal(frames[k], nearest(k * (n - 1), 15));
            assert_int_equal(frames[0], 0);
            assert_int_equal(frames[WANTED - 1], n - 1);
        }
}

/* Fewer than 8 frames a second: neighbours, around the middle. */
static void slow_clips_give_neighbours(void **state)
{
    static const double rates[] = {.2, 1, 5, 7.5};
    (void)state;
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
        for (int64_t n = 17; n < 60; n++) {
            assert_int_equal(sample(DESY_SAMPLING_WINDOW, even_times(rates[r], n), n), WANTED);
            for (int k = 0; k < WANTED; k++) assert_int_equal(frames[k], frames[0] + k);
            const int64_t before = frames[0], after = n - 1 - frames[WANTED - 1];
            assert_true(after - before == 0 || after - before == 1);
        }
}

/* Uneven times that begin anywhere: every frame is looked at for each of the 16 times. */
static void uneven_times_are_searched(void **state)
{
    double seconds[300];
    uint32_t random = 1;
    (void)state;
    for (int round = 0; round < 50; round++) {
        const int n = 100 + round * 4;
        seconds[0] = round;
        for (int i = 1; i < n; i++) {
            random = random * 1664525u + 1013904223u;
            seconds[i] = seconds[i - 1] + .02 + .04 * (random >> 8) / 16777216.0; /* 17 to 50 frames a second */
        }
        assert_int_equal(sample(DESY_SAMPLING_WINDOW, seconds, n), WANTED);
        for (int k = 0; k < WANTED; k++) {
            const double time = (seconds[0] + seconds[n - 1]) / 2 + (k - 7.5) / 8;
            int best = 0;
            for (int i = 1; i < n; i++)
                if (fabs(seconds[i] - time) < fabs(seconds[best] - time)) best = i;
            assert_int_equal(frames[k], best);
        }
    }
}

/* A pause of 20 s about the middle: no frame is near, and yet each of the 16 is another one. */
static void a_gap_gives_no_frame_twice(void **state)
{
    double seconds[120];
    (void)state;
    for (int i = 0; i < 120; i++) seconds[i] = i / 30.0 + (i >= 60 ? 20 : 0);
    assert_int_equal(sample(DESY_SAMPLING_WINDOW, seconds, 120), WANTED);
}

/* numpy.linspace(0, n - 1, 16).round(): k (n - 1) / 15 is never halfway between two. */
static void uniform_is_from_end_to_end(void **state)
{
    int64_t five[5];
    static const int64_t expected[5] = {0, 2, 3, 4, 6}; /* of 0, 1.5, 3, 4.5, 6: ties to even */
    (void)state;
    for (int64_t n = 17; n <= MOST; n += n % 5 + 1) {
        assert_int_equal(sample(DESY_SAMPLING_UNIFORM, even_times(25, n), n), WANTED);
        for (int k = 0; k < WANTED; k++) assert_int_equal(frames[k], nearest(k * (n - 1), 15));
    }
    assert_int_equal(desy_sample_frames(five, 5, DESY_SAMPLING_UNIFORM, 0, 1, &(struct desy_times){even_times(25, 7), 7, NULL, 0}), 5);
    assert_memory_equal(five, expected, sizeof five);
}

/* 40 s at 24 frames a second with key frames at 3, 17, 22 and 39.5 s: the last has no window after it. */
static const int64_t keys[] = {3 * 24, 17 * 24, 22 * 24, 39 * 24 + 12};

static struct desy_times keyed_times(void)
{
    return (struct desy_times){even_times(24, 960), 960, keys, 4};
}

static void keyframe_starts_at_the_key_frame_nearest_the_middle(void **state)
{
    struct desy_times times = keyed_times();
    (void)state;
    assert_int_equal(desy_sample_frames(frames, WANTED, DESY_SAMPLING_KEYFRAME, 0, 1, &times), WANTED);
    for (int k = 0; k < WANTED; k++) assert_int_equal(frames[k], 22 * 24 + 3 * k); /* 20 s is 2 s away, 17 s is 3 */
    times.key_count = 0; /* the first frame counts as one */
    assert_int_equal(desy_sample_frames(frames, WANTED, DESY_SAMPLING_KEYFRAME, 0, 1, &times), WANTED);
    for (int k = 0; k < WANTED; k++) assert_int_equal(frames[k], 3 * k);
    times.keys = &keys[3], times.key_count = 1; /* too near the end */
    assert_int_equal(desy_sample_frames(frames, WANTED, DESY_SAMPLING_KEYFRAME, 0, 1, &times), WANTED);
    assert_int_equal(frames[0], 0);
}

static void keyframe_of_a_slow_clip_gives_what_follows(void **state)
{
    static const int64_t three[] = {0, 20, 45};
    const struct desy_times times = {even_times(4, 60), 60, three, 3};
    (void)state;
    assert_int_equal(desy_sample_frames(frames, WANTED, DESY_SAMPLING_KEYFRAME, 0, 1, &times), WANTED);
    for (int k = 0; k < WANTED; k++) assert_int_equal(frames[k], 20 + k);
}

/* Each part of the video has one, and they share no frame. */
static void windows_are_spread_over_the_video(void **state)
{
    const struct desy_times times = keyed_times();
    int64_t before = -1;
    (void)state;
    assert_int_equal(desy_sample_windows(WANTED, DESY_SAMPLING_WINDOW, 4, &times), 4);
    for (int w = 0; w < 4; w++) {
        assert_int_equal(desy_sample_frames(frames, WANTED, DESY_SAMPLING_WINDOW, w, 4, &times), WANTED);
        const double middle = (959.0 / 24) * (2 * w + 1) / 8;
        assert_true(fabs((double)(frames[7] + frames[8]) / 48 - middle) < 1.0 / 24);
        assert_true(frames[0] > before);
        before = frames[15];
    }
    assert_int_equal(desy_sample_windows(WANTED, DESY_SAMPLING_WINDOW, 100, &times), 20); /* of 2 s each */
    for (int w = 0, n = 20; w < n; w++, before = frames[15]) {
        desy_sample_frames(frames, WANTED, DESY_SAMPLING_WINDOW, w, 100, &times);
        assert_true(w == 0 || frames[0] > before);
    }
}

static void windows_of_each_kind_differ(void **state)
{
    const struct desy_times times = keyed_times(), brief = {even_times(24, 50), 50, keys, 0};
    (void)state;
    assert_int_equal(desy_sample_windows(WANTED, DESY_SAMPLING_UNIFORM, 2, &times), 2);
    desy_sample_frames(frames, WANTED, DESY_SAMPLING_UNIFORM, 1, 2, &times);
    assert_int_equal(frames[0], 480);
    assert_int_equal(frames[15], 959);
    assert_int_equal(desy_sample_windows(WANTED, DESY_SAMPLING_KEYFRAME, 20, &times), 4); /* as many as there are places to begin at: 0, 3, 17 and 22 s */
    desy_sample_frames(frames, WANTED, DESY_SAMPLING_KEYFRAME, 3, 20, &times);
    assert_int_equal(frames[0], 22 * 24);
    assert_int_equal(desy_sample_windows(WANTED, DESY_SAMPLING_WINDOW, 5, &brief), 1);
    assert_int_equal(desy_sample_windows(WANTED, DESY_SAMPLING_UNIFORM, 5, &brief), 3); /* of 16 frames each */
}

/* Frames at i / rate; times .37 + k / 8. */
static void near_takes_the_nearest_within_its_span(void **state)
{
    static const int rates[] = {8, 10, 15, 24, 25, 30, 60};
    double at[WANTED];
    (void)state;
    for (int k = 0; k < WANTED; k++) at[k] = .37 + k / 8.;
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        const struct desy_times times = {even_times(rates[r], 4 * rates[r]), 4 * rates[r], NULL, 0};
        assert_int_equal(desy_sample_near(frames, WANTED, at, &times), WANTED);
        for (int k = 0; k < WANTED; k++) assert_int_equal(frames[k], nearest(rates[r] * (37 * 8 + 100 * k), 800));
    }
    const struct desy_times slow = {even_times(4, 20), 20, NULL, 0};
    assert_int_equal(desy_sample_near(frames, WANTED, at, &slow), 9); /* frame 1, at .25 s, to 9, at 2.25 s: nearest to .37 and to 2.245 */
    for (int k = 0; k < 9; k++) assert_int_equal(frames[k], 1 + k);
    const struct desy_times brief = {even_times(30, 9), 9, NULL, 0};
    assert_int_equal(desy_sample_near(frames, WANTED, at, &brief), 1); /* all are nearest to the last one */
    assert_int_equal(frames[0], 8);
    const double close[] = {.1, .101, .102, .3}; /* three times nearest to one frame */
    assert_int_equal(desy_sample_near(frames, 4, close, &brief), 4);
    static const int64_t apart[] = {3, 4, 5, 8};
    for (int k = 0; k < 4; k++) assert_int_equal(frames[k], apart[k]);
}

static void names_are_three(void **state)
{
    enum desy_sampling sampling;
    (void)state;
    assert_int_equal(desy_sampling_parse(&sampling, "uniform"), DESY_OK);
    assert_int_equal(sampling, DESY_SAMPLING_UNIFORM);
    assert_int_equal(desy_sampling_parse(&sampling, desy_sampling_name(DESY_SAMPLING_WINDOW)), DESY_OK);
    assert_int_equal(sampling, DESY_SAMPLING_WINDOW);
    assert_int_equal(desy_sampling_parse(&sampling, "keyframe"), DESY_OK);
    assert_int_equal(sampling, DESY_SAMPLING_KEYFRAME);
    assert_int_equal(desy_sampling_parse(&sampling, "dense"), DESY_EUSAGE);
    assert_non_null(strstr(desy_error_message(), "dense"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_frames_are_all_taken), cmocka_unit_test(the_window_is_around_the_middle), cmocka_unit_test(short_clips_are_spread),
        cmocka_unit_test(slow_clips_give_neighbours), cmocka_unit_test(uneven_times_are_searched), cmocka_unit_test(a_gap_gives_no_frame_twice),
        cmocka_unit_test(uniform_is_from_end_to_end), 
        cmocka_unit_test(keyframe_starts_at_the_key_frame_nearest_the_middle), cmocka_unit_test(keyframe_of_a_slow_clip_gives_what_follows),
        cmocka_unit_test(windows_are_spread_over_the_video), cmocka_unit_test(windows_of_each_kind_differ), cmocka_unit_test(near_takes_the_nearest_within_its_span), cmocka_unit_test(names_are_three),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
