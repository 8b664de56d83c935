/* When early stopping ends a training. */
#include "tests/unit/unit.h"
#include "train/curve.h"

/* The number of epochs after which it stops; 0: it runs to the end of these. */
static int stops_after(const double *losses, int n, int patience, double min_delta)
{
    struct desy_epoch epochs[16] = {{0}};
    struct desy_curve curve = {.epochs = epochs};
    for (int e = 0; e < n; e++) {
        epochs[e].validation_loss = losses[e];
        curve.count = e + 1;
        if (desy_curve_stalls(&curve, patience, min_delta)) return e + 1;
    }
    return 0;
}

static void test_patience(void **state)
{
    (void)state;
    const double falls[] = {5, 4, 3, 2, 1}, rises[] = {1, 2, 3, 4, 5}, falls_again[] = {3, 4, 2, 5, 5, 5}, stays[] = {1, 1, 1};
    assert_int_equal(stops_after(falls, 5, 1, 0), 0);
    assert_int_equal(stops_after(rises, 5, 1, 0), 2);
    assert_int_equal(stops_after(rises, 5, 3, 0), 4);
    assert_int_equal(stops_after(falls_again, 6, 2, 0), 5);
    assert_int_equal(stops_after(falls_again, 6, 4, 0), 0);
    assert_int_equal(stops_after(stays, 3, 2, 0), 3);
}

static void test_min_delta(void **state)
{
    (void)state;
    const double slowly[] = {1, .95, .9, .85, .8, .75};
    assert_int_equal(stops_after(slowly, 6, 2, .04), 0);
    assert_int_equal(stops_after(slowly, 6, 2, .12), 3); /* .95 and .9 are no better than 1 */
    assert_int_equal(stops_after(slowly, 6, 3, .12), 0); /* .85 is: it is compared with the last better one, not with the epoch before */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_patience), cmocka_unit_test(test_min_delta)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
