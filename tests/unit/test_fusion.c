/* Threshold, AUC and log loss of small cases worked out by hand. */
#include "base/error.h"
#include "tests/unit/unit.h"
#include "train/fusion.h"

#include <math.h>

#define MOST 16

/* Every item of weight 1; fits hold pointers alone. */
static const double ones[MOST] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

static struct desy_fit fit_of(const uint8_t *labels, const double *weights, size_t n)
{
    struct desy_fit fit = {.total = n, .count = n, .weights = weights, .labels = labels};
    for (size_t i = 0; i < n; i++) fit.chosen += weights[i] > 0;
    return fit;
}

static void check_near(double got, double wanted)
{
    if (!(fabs(got - wanted) <= 1e-12)) fail_msg("%.17g, not %.17g", got, wanted);
}

static double logit_of(double probability)
{
    return log(probability / (1 - probability));
}

/* Items given by probability. */
static void check_threshold(const double *probabilities, const uint8_t *labels, const double *weights, size_t n, double wanted)
{
    double logits[MOST], threshold = -1;
    const struct desy_fit fit = fit_of(labels, weights, n);
    for (size_t i = 0; i < n; i++) logits[i] = logit_of(probabilities[i]);
    assert_int_equal(desy_choose_threshold(&fit, logits, 1, &threshold), DESY_OK);
    check_near(threshold, wanted);
}

static void thresholds(void **state)
{
    (void)state;
    /* Apart, and .5 lies between: .5. */
    check_threshold((double[]){.2, .9, .4, .7}, (uint8_t[]){0, 1, 0, 1}, ones, 4, .5);
    /* Apart above and below .5: midway between the neighbours. */
    check_threshold((double[]){.6, .9, .2, .8}, (uint8_t[]){0, 1, 0, 1}, ones, 4, .7);
    check_threshold((double[]){.1, .2, .3, .9}, (uint8_t[]){0, 1, 1, 1}, ones, 4, .15);
    /* Balanced: below .4 is 1 of 1 real and 2 of 3 AI right (sum 1.67); what counts right answers alone would put all on one side. */
    check_threshold((double[]){.1, .2, .6, .8}, (uint8_t[]){1, 0, 1, 1}, ones, 4, .5);
    /* .15 and .55 are equally good (one real of two, all AI; both real, half the AI): .55 lies nearer to .5. */
    check_threshold((double[]){.1, .2, .52, .58}, (uint8_t[]){0, 1, 0, 1}, ones, 4, .55);
    /* All at one place: nothing to choose, .5. */
    check_threshold((double[]){.3, .3, .3, .3}, (uint8_t[]){0, 1, 0, 1}, ones, 4, .5);
    /* An item at .5 is called AI at the threshold .5. */
    check_threshold((double[]){.4, .5, .2, .9}, (uint8_t[]){0, 1, 0, 1}, ones, 4, .5);
    /* Without a weight: left out. The real one at .95 would move it. */
    check_threshold((double[]){.95, .2, .9, .4, .7}, (uint8_t[]){0, 0, 1, 0, 1}, (double[]){0, 1, 1, 1, 1}, 5, .5);
    /* One class, or nothing: .5. */
    check_threshold((double[]){.7, .8}, (uint8_t[]){1, 1}, ones, 2, .5);
    check_threshold((double[]){.7, .8}, (uint8_t[]){0, 0}, ones, 2, .5);
    check_threshold((double[]){.7, .8}, (uint8_t[]){0, 1}, (double[]){0, 0}, 2, .5);
}

/* Logits that all become the probability 1 cannot be cut. */
static void saturated_probabilities_are_ties(void **state)
{
    (void)state;
    double threshold;
    const struct desy_fit fit = fit_of((uint8_t[]){0, 1, 1}, ones, 3);
    assert_int_equal(desy_choose_threshold(&fit, (double[]){50, 60, 700}, 1, &threshold), DESY_OK);
    check_near(threshold, .5);
}

static double auc_of(const double *logits, const uint8_t *labels, const double *weights, size_t n)
{
    double auc;
    const struct desy_fit fit = fit_of(labels, weights, n);
    assert_int_equal(desy_fit_auc(&fit, logits, &auc), DESY_OK);
    return auc;
}

static void areas(void **state)
{
    (void)state;
    check_near(auc_of((double[]){-3, 2, -1, 5}, (uint8_t[]){0, 1, 0, 1}, ones, 4), 1);
    check_near(auc_of((double[]){-3, 2, -1, 5}, (uint8_t[]){1, 0, 1, 0}, ones, 4), 0);
    /* Pairs (AI, real): 1 > 0, 1 = 1 (half), 3 > 0, 3 > 1: 3.5 of 4. */
    check_near(auc_of((double[]){0, 1, 1, 3}, (uint8_t[]){0, 0, 1, 1}, ones, 4), 3.5 / 4);
    /* Ties of two and two, and one apart: AI {2, 2, 0}, real {2, 2}: four halves of six pairs. */
    check_near(auc_of((double[]){2, 2, 0, 2, 2}, (uint8_t[]){1, 1, 1, 0, 0}, ones, 5), 2. / 6);
    check_near(auc_of((double[]){7, 7, 7, 7}, (uint8_t[]){1, 0, 0, 1}, ones, 4), .5);
    /* Weights are not counted, only whether there is one. */
    check_near(auc_of((double[]){0, 1, 1, 3, -9}, (uint8_t[]){0, 0, 1, 1, 1}, (double[]){9, 1, 2, 5, 0}, 5), 3.5 / 4);
    assert_true(isnan(auc_of((double[]){0, 1}, (uint8_t[]){1, 1}, ones, 2)));
    assert_true(isnan(auc_of((double[]){0, 1}, (uint8_t[]){0, 0}, ones, 2)));
    assert_true(isnan(auc_of(NULL, NULL, ones, 0)));
}

static void losses(void **state)
{
    (void)state;
    double loss, accuracy;
    /* Probabilities .8, .6, .25 of AI, labels 1, 0, 0: losses ln 1.25, ln 2.5, ln 4/3; the second is on the wrong side. */
    const double logits[] = {logit_of(.8), logit_of(.6), logit_of(.25), 1000};
    struct desy_fit fit = fit_of((uint8_t[]){1, 0, 0, 0}, (double[]){2, 1, 3, 0}, 4);
    desy_fit_log_loss(&fit, logits, &loss, &accuracy);
    check_near(loss, (2 * log(1.25) + log(2.5) + 3 * log(4. / 3)) / 6);
    check_near(accuracy, 2. / 3);
    /* 0 counts as AI; far logits neither overflow nor vanish: ln(1 + e^1000) = 1000. */
    fit = fit_of((uint8_t[]){1, 0, 0, 1}, ones, 4);
    desy_fit_log_loss(&fit, (double[]){0, 0, 1000, 1000}, &loss, &accuracy);
    check_near(loss, (2 * log(2) + 1000) / 4);
    check_near(accuracy, .5);
    /* One class is enough for a loss; no item is not. */
    fit = fit_of((uint8_t[]){1, 1}, ones, 2);
    desy_fit_log_loss(&fit, (double[]){logit_of(.5), logit_of(.25)}, &loss, &accuracy);
    check_near(loss, (log(2) + log(4)) / 2);
    check_near(accuracy, .5);
    fit = fit_of((uint8_t[]){1}, (double[]){0}, 1);
    desy_fit_log_loss(&fit, (double[]){3}, &loss, &accuracy);
    assert_true(isnan(loss) && isnan(accuracy));
}

static void differences_of_losses(void **state)
{
    (void)state;
    double mean, error;
    /* Losses ln 2, ln 4, ln 4 against ln 4, ln 4, ln 2: differences -ln 2, 0, ln 2 (and one without a weight), weights 2, 1, 1. */
    const double one[] = {logit_of(.5), logit_of(.75), logit_of(.25), 5}, other[] = {logit_of(.25), logit_of(.75), logit_of(.5), 9};
    const struct desy_fit fit = fit_of((uint8_t[]){1, 0, 1, 0}, (double[]){2, 1, 1, 0}, 4);
    desy_fit_loss_difference(&fit, one, other, &mean, &error);
    check_near(mean, -log(2) / 4);
    /* From the mean: -3/4, 1/4, 5/4 of ln 2, by weight: -6/4, 1/4, 5/4. */
    check_near(error, log(2) * sqrt(36 + 1 + 25) / 4 / 4);
    desy_fit_loss_difference(&fit, one, one, &mean, &error);
    assert_true(mean == 0 && error == 0);
}

/* A level is the mean of its channels; the fused logit their weighted sum. */
static void levels(void **state)
{
    (void)state;
    double value;
    struct desy_ensemble ensemble = {.n = 3, .bias = .5, .weight = {2, 7, -1}};
    const double logits[] = {4, 1, 3};
    ensemble.heads[0].channel = desy_channel_find("e");
    ensemble.heads[1].channel = desy_channel_find("mean");
    ensemble.heads[2].channel = desy_channel_find("high_mlp");
    assert_true(desy_ensemble_level(&ensemble, DESY_LOW, logits, &value));
    check_near(value, 4);
    assert_false(desy_ensemble_level(&ensemble, DESY_MID, logits, &value));
    assert_true(desy_ensemble_level(&ensemble, DESY_HIGH, logits, &value));
    check_near(value, 2);
    check_near(desy_ensemble_fuse(&ensemble, logits), .5 + 2 * 4 - 2);
    const double lacks_one[] = {4, NAN, 3}, lacks_all[] = {NAN, 1, 3};
    assert_true(desy_ensemble_level(&ensemble, DESY_HIGH, lacks_one, &value));
    check_near(value, 3);
    assert_false(desy_ensemble_level(&ensemble, DESY_LOW, lacks_all, &value));
    check_near(desy_ensemble_fuse(&ensemble, lacks_all), .5 - 2);
    check_near(desy_sigmoid(logit_of(.3)), .3);
    assert_true(desy_sigmoid(-1000) == 0 && desy_sigmoid(1000) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(thresholds), cmocka_unit_test(saturated_probabilities_are_ties), cmocka_unit_test(areas),
        cmocka_unit_test(losses), cmocka_unit_test(differences_of_losses), cmocka_unit_test(levels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
