/* Pooling against numbers worked out by hand. */
#include "base/error.h"
#include "features/clip.h"
#include "tests/unit/unit.h"
#include "train/pool.h"
#include "train/temporal.h"

#include <math.h>

/* A frame is (a, b, f): two numbers of an encoder and a forensic one. */
enum { BEFORE = 7, WIDTH = BEFORE + DESY_TEMPORAL_DIMS + 1 }; /* the temporal numbers come last, then whether there are any */
static const struct desy_layout layout = {2, 1};

static void check_vector(const float *vector, const double *wanted)
{
    for (int i = 0; i < BEFORE; i++)
        if (!(fabs((double)vector[i] - wanted[i]) <= 1e-6)) fail_msg("number %d is %.9g, not %.9g", i, (double)vector[i], wanted[i]);
}

static void the_vector_is_laid_out_part_by_part(void **state)
{
    (void)state;
    assert_int_equal(desy_pool_width(&layout), WIDTH);
    assert_int_equal(desy_pool_offset(&layout, DESY_POOL_MEAN), 0);
    assert_int_equal(desy_pool_offset(&layout, DESY_POOL_DEVIATION), 2);
    assert_int_equal(desy_pool_offset(&layout, DESY_POOL_STEP), 4);
    assert_int_equal(desy_pool_offset(&layout, DESY_POOL_BLOCKS), 6);
    assert_int_equal(desy_pool_offset(&layout, DESY_POOL_TEMPORAL), BEFORE);
}

/* a = 2, 4, 4, 6: mean 4, squares from it 4, 0, 0, 4, changes 2, 0, 2. b = 1, 1, -3, 1: mean 0, squares 1, 1, 9, 1, changes 0, 4, 4.
 * f = 10, 20, 30, 60. */
static const float clip[6][3] = {{2, 1, 10}, {4, 1, 20}, {4, -3, 30}, {6, 1, 60}, {NAN, 1e30f, INFINITY}, {-7, NAN, 5}};

static void four_frames(void **state)
{
    (void)state;
    float vector[WIDTH];
    const double wanted[BEFORE] = {4, 0, sqrt(2), sqrt(3), log(4. / 3 + .01), log(8. / 3 + .01), 30};
    assert_int_equal(desy_pool(vector, &layout, clip[0], 4, 4), DESY_OK);
    check_vector(vector, wanted);
}

static void repeated_rows_never_enter(void **state)
{
    (void)state;
    float four[WIDTH], of_six[WIDTH];
    assert_int_equal(desy_pool(four, &layout, clip[0], 4, 4), DESY_OK);
    assert_int_equal(desy_pool(of_six, &layout, clip[0], 6, 4), DESY_OK);
    assert_memory_equal(four, of_six, sizeof four);
}

static void one_frame_does_not_move(void **state)
{
    (void)state;
    float vector[WIDTH];
    const double wanted[BEFORE] = {2, 1, 0, 0, log(.01), log(.01), 10};
    assert_int_equal(desy_pool(vector, &layout, clip[0], 6, 1), DESY_OK);
    check_vector(vector, wanted);
}

/* Sums of many equal numbers do not drift: 64 times .1f has the mean .1f and the deviation 0. */
static void sums_are_made_in_doubles(void **state)
{
    (void)state;
    enum { FRAMES = DESY_MAX_FRAMES };
    static float still[FRAMES];
    float vector[3 + DESY_TEMPORAL_DIMS + 1];
    const struct desy_layout one = {1, 0};
    for (int t = 0; t < FRAMES; t++) still[t] = .1f;
    assert_int_equal(desy_pool(vector, &one, still, FRAMES, FRAMES), DESY_OK);
    assert_true(vector[0] == .1f);
    assert_true(vector[1] < 1e-12f);
    assert_false(desy_pool_moves(&one, vector));
}

/* The second differences of the steps' lengths: the first of the temporal numbers (their definitions: tests/parity/test_temporal.py). Steps
 * 2, 4, sqrt(20) long change by 2 and sqrt(20) - 4. */
static void what_moves_has_temporal_numbers(void **state)
{
    (void)state;
    float vector[WIDTH];
    const double first = 2, second = sqrt(20) - 4, d3 = fabs(first - second) / sqrt(2);
    assert_int_equal(desy_pool(vector, &layout, clip[0], 4, 4), DESY_OK);
    assert_true(desy_pool_moves(&layout, vector));
    assert_true(fabs((double)vector[BEFORE] - d3) < 1e-6);
    assert_int_equal(desy_pool(vector, &layout, clip[0], 4, 3), DESY_OK); /* too short */
    assert_false(desy_pool_moves(&layout, vector));
    for (int i = BEFORE; i < WIDTH; i++) assert_true(vector[i] == 0);
}

static void refuse(const float *features, int frames, int n_frames, const char *wanted)
{
    float vector[WIDTH];
    assert_int_equal(desy_pool(vector, &layout, features, frames, n_frames), DESY_EDATA);
    if (!strstr(desy_error_message(), wanted)) fail_msg("\"%s\" is not in: %s", wanted, desy_error_message());
}

static void what_is_not_finite_is_refused(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int value = 0; value < 3; value++)
        for (int d = 0; d < 3; d++) {
            float features[2][3] = {{1, 2, 3}, {4, 5, 6}};
            features[1][d] = bad[value];
            refuse(features[0], 2, 2, "not finite");
        }
}

static void frame_counts_out_of_range_are_refused(void **state)
{
    (void)state;
    refuse(clip[0], 4, 0, "0 frames");
    refuse(clip[0], 4, -1, "-1 frames");
    refuse(clip[0], 4, 5, "5 frames");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_vector_is_laid_out_part_by_part), cmocka_unit_test(four_frames),
        cmocka_unit_test(repeated_rows_never_enter), cmocka_unit_test(one_frame_does_not_move), cmocka_unit_test(sums_are_made_in_doubles), cmocka_unit_test(what_moves_has_temporal_numbers),
        cmocka_unit_test(what_is_not_finite_is_refused), cmocka_unit_test(frame_counts_out_of_range_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
