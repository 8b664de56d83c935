/* The search for a learning rate on losses that are known. */
#include "tests/unit/unit.h"
#include "train/rate_sweep.h"

#include <math.h>

static void test_rates(void **state)
{
    (void)state;
    assert_true(fabs(desy_sweep_rate(0) / 1e-7 - 1) < 1e-12 && fabs(desy_sweep_rate(DESY_SWEEP_STEPS - 1) - 1) < 1e-12);
    for (int i = 1; i < DESY_SWEEP_STEPS; i++) assert_true(fabs(log10(desy_sweep_rate(i) / desy_sweep_rate(i - 1)) - 7. / 99) < 1e-12);
}

/* Flat, then down to a tenth around step 60, then up without bounds: the smoothed loss by its definition, a weighted mean of what was. */
static double loss_at(int i)
{
    return i < 80 ? 1 - .9 / (1 + exp(-(i - 60) / 3.)) : exp((i - 80) / 2.);
}

static void test_curve(void **state)
{
    (void)state;
    struct desy_rate_sweep sweep = {0};
    int n = 1;
    while (desy_sweep_add(&sweep, loss_at(n - 1))) n++;
    assert_int_equal(sweep.n, n);
    for (int i = 0; i < n; i++) {
        double sum = 0, weights = 0;
        for (int k = 0; k <= i; k++) sum += pow(.98, i - k) * loss_at(k), weights += pow(.98, i - k);
        assert_true(fabs(sweep.smoothed[i] - sum / weights) < 1e-12);
        assert_true(i < 10 || sweep.smoothed[i] >= sweep.smoothed[sweep.lowest]);
    }
    assert_true(sweep.diverged && n < DESY_SWEEP_STEPS);
    assert_true(sweep.smoothed[n - 1] > 4 * sweep.smoothed[sweep.lowest] && sweep.smoothed[n - 2] <= 4 * sweep.smoothed[sweep.lowest]);
    const int steepest = desy_sweep_steepest(&sweep);
    assert_in_range(steepest, 60, sweep.lowest - 2);
    for (int i = 10; i + 2 <= sweep.lowest; i++) assert_true(sweep.smoothed[i - 2] - sweep.smoothed[i + 2] <= sweep.smoothed[steepest - 2] - sweep.smoothed[steepest + 2]);
}

static void test_no_rate_helps(void **state)
{
    (void)state;
    struct desy_rate_sweep flat = {0}, rises = {0}, breaks = {0};
    while (desy_sweep_add(&flat, .7 + .01 * (flat.n % 3))) {}
    assert_true(flat.n == DESY_SWEEP_STEPS && !flat.diverged && desy_sweep_steepest(&flat) == -1);
    while (desy_sweep_add(&rises, .7 * pow(1.1, rises.n))) {}
    assert_true(rises.diverged && desy_sweep_steepest(&rises) == -1);
    assert_true(desy_sweep_add(&breaks, .7) && !desy_sweep_add(&breaks, NAN)); /* in the second step */
    assert_true(breaks.diverged && breaks.n == 2 && desy_sweep_steepest(&breaks) == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rates), cmocka_unit_test(test_curve), cmocka_unit_test(test_no_rate_helps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
