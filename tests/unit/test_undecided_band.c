/* The band of undecided clips, of small cases worked out by hand. */
#include "base/error.h"
#include "tests/unit/unit.h"
#include "train/reference.h"

#include <math.h>

#define MOST 12
static const double ones[MOST] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

/* Logits on one side of a threshold at logit 1; right[i] says whether the verdict is. One on the other side, wrong, does not count. */
static double band_of_side(const double *distances, const int *right, const double *weights, size_t n, bool above)
{
    uint8_t labels[MOST + 1];
    double logits[MOST + 1], all[MOST + 1], width = -1;
    for (size_t i = 0; i < n; i++) {
        logits[i] = above ? 1 + distances[i] : 1 - distances[i];
        labels[i] = above == right[i];
        all[i] = weights[i];
    }
    logits[n] = above ? .5 : 1.5, labels[n] = above, all[n] = 1;
    const struct desy_fit fit = {.total = n + 1, .count = n + 1, .weights = all, .labels = labels, .chosen = n + 1};
    assert_int_equal(desy_undecided_band(&fit, logits, 1, .75, above, &width), DESY_OK);
    return width;
}

static double band_of(const double *distances, const int *right, const double *weights, size_t n)
{
    const double width = band_of_side(distances, right, weights, n, true);
    assert_true(fabs(band_of_side(distances, right, weights, n, false) - width) <= 1e-12);
    return width;
}

static void check_near(double got, double wanted)
{
    if (!(fabs(got - wanted) <= 1e-12)) fail_msg("%.17g, not %.17g", got, wanted);
}

static void bands(void **state)
{
    (void)state;
    const double at[] = {.1, .2, .3, .4, .5, .6, .7, .8};
    check_near(band_of(at, (int[]){1, 1, 1, 1, 1, 1, 1, 1}, ones, 8), 0);      /* all right: none */
    check_near(band_of(at, (int[]){0, 0, 0, 0, 0, 0, 0, 0}, ones, 8), .8);     /* all wrong: all of it */
    check_near(band_of(at, (int[]){0, 0, 1, 1, 1, 1, 1, 1}, ones, 8), .2);     /* rises already: pools of one */
    check_near(band_of(at, (int[]){1, 0, 1, 1, 1, 1, 1, 1}, ones, 8), .2);     /* 1, 0 pool to .5 */
    check_near(band_of(at, (int[]){1, 1, 1, 0, 1, 1, 1, 1}, ones, 8), 0);      /* 1, 1, 1, 0 pool to .75, which is enough */
    check_near(band_of(at, (int[]){1, 1, 0, 1, 0, 1, 1, 1}, ones, 8), .5);     /* 1, 1, 0 (.67), 1, 0 (.5): all five pool to .6 */
    check_near(band_of(at, (int[]){1, 1, 1, 0, 1, 1, 1, 1}, (double[]){1, 1, 1, 3, 1, 1, 1, 1}, 8), .4); /* the wrong one weighs 3: 3 of 6 */
    check_near(band_of(at, (int[]){0, 1, 1, 1, 1, 1, 1, 0}, (double[]){0, 1, 1, 1, 1, 1, 1, 0}, 8), 0);  /* without a weight: left out */
    check_near(band_of((double[]){.8, .2, .1, .3}, (int[]){1, 1, 0, 1}, ones, 4), .1); /* in any order */
    check_near(band_of(at, (int[]){1}, ones, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bands)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
