/* Findings on curves and figures made up for each, and none on good ones. */
#include "tests/unit/unit.h"
#include "train/diagnosis.h"

#include <math.h>

#define MOST_EPOCHS 40
static const struct desy_train_options usual = {.epochs = MOST_EPOCHS, .batch_size = 2, .learning_rate = .001, .weight_decay = .01, .most_false_alarms = 1};

/* No finding, or the one that is wanted, with these words in it. */
static void expect(const struct desy_diagnosis *d, const char *finding, const char *words)
{
    if (!finding) {
        if (d->n) fail_msg("%s: %s", d->findings[0].finding, d->findings[0].words);
        return;
    }
    if (d->n != 1) fail_msg("%d findings, not %s alone", d->n, finding);
    assert_string_equal(d->findings[0].finding, finding);
    assert_true(strlen(d->findings[0].words) + 1 < sizeof d->findings[0].words); /* nothing was cut off */
    if (!strstr(d->findings[0].words, words)) fail_msg("\"%s\" is not in: %s", words, d->findings[0].words);
}

/* losses: of training and validation, an epoch each; ends with {0, 0}. The best epoch is found as desy_head_fit_full does. */
static void check_curve(const struct desy_train_options *options, const double (*losses)[2], const char *finding, const char *words)
{
    struct desy_epoch epochs[MOST_EPOCHS];
    struct desy_curve curve = {.epochs = epochs};
    struct desy_diagnosis d = {0};
    for (; losses[curve.count][0] != 0 || losses[curve.count][1] != 0; curve.count++) {
        const double *of_epoch = losses[curve.count];
        epochs[curve.count] = (struct desy_epoch){.loss = of_epoch[0], .validation_loss = of_epoch[1]};
        if (of_epoch[1] < epochs[curve.best].validation_loss) curve.best = curve.count;
    }
    desy_diagnose_curve(&d, "a_channel", &curve, options);
    expect(&d, finding, words);
}
#define CURVE(...) (const double[][2]){__VA_ARGS__, {0, 0}}

static void good_curves_have_no_finding(void **state)
{
    (void)state;
    double noisy[MOST_EPOCHS][2] = {{0}};
    check_curve(&usual, CURVE({.58, .25}, {.17, .09}, {.027, .02}, {.003, .004}, {.0007, .0009}, {.0001, .0002}), NULL, ""); /* of clips that are easy to tell apart */
    check_curve(&usual, CURVE({.67, .62}, {.55, .52}, {.46, .47}, {.41, .45}, {.38, .46}, {.36, .455}, {.35, .46}, {.34, .465}), NULL, ""); /* levels off, stops */
    check_curve(&usual, CURVE({.17, .60}, {.13, .48}, {.11, .43}, {.10, .42}, {.098, .425}), NULL, ""); /* focal: smaller units */
    check_curve(&usual, CURVE({.05, .06}, {.04, .05}, {.045, .055}, {.038, .05}), NULL, "");            /* learned within the first epoch */
    check_curve(&usual, CURVE({.69, .69}), NULL, "");                                                   /* one epoch says nothing */
    check_curve(&usual, noisy, NULL, "");                                                               /* no epoch: small forms have no curve */
    for (int e = 0; e < MOST_EPOCHS - 1; e++) { /* exponential to a floor, with noise of a fifth of it that turns every epoch */
        noisy[e][0] = .65 * exp(-e / 5.) + .1 * (1 + (e % 2 ? .2 : -.2));
        noisy[e][1] = .6 * exp(-e / 6.) + .15 * (1 + (e % 2 ? -.1 : .1));
    }
    check_curve(&usual, noisy, NULL, "");
}

static void a_learning_rate_that_is_too_high(void **state)
{
    (void)state;
    const char *finding = "learning_rate_too_high";
    check_curve(&usual, CURVE({.7, .7}, {.6, .6}, {NAN, .6}), finding, "a_channel: the loss of epoch 3 is not finite: lower --lr (it is 0.001), to 0.0001");
    check_curve(&usual, CURVE({.7, .7}, {.6, INFINITY}), finding, "epoch 2 is not finite");
    /* Of `desy train --size full --lr 0.03` on clips that are easy to tell apart: solved between two leaps. */
    check_curve(&usual, CURVE({11.3971, 1e-9}, {1e-9, 1e-9}, {1e-9, 1e-9}), finding, "epoch 1 is 11.4, where guessing has 0.6931: steps overshoot");
    check_curve(&usual, CURVE({.4, 1e-9}, {1e-9, 1e-9}, {67.4339, 1e-9}), finding, "epoch 3 is 67.43");
    check_curve(&usual, CURVE({.70, .7}, {.75, .7}, {.82, .71}, {.95, .72}), finding, "has risen, from 0.7 in the first epoch to 0.84");
    check_curve(&usual, CURVE({.69, .7}, {.45, .6}, {.70, .9}, {.42, .6}, {.66, .8}), finding, "goes up and down, by 0.1225 upward an epoch"); /* (.25 + .24) / 4 */
    check_curve(&usual, CURVE({.69, .7}, {.45, .6}, {.70, .9}, {.42, .6}, {.66, .8}), finding, "--batch-size 8");
}

static void one_that_does_not_converge(void **state)
{
    (void)state;
    check_curve(&usual, CURVE({.6950, .6940}, {.6935, .6935}, {.6941, .6933}, {.6929, .6932}), "does_not_converge", "(0.695 at first, 0.6929 at best)");
    check_curve(&usual, CURVE({.1740, .6940}, {.1735, .6935}, {.1731, .6933}), "does_not_converge", "--lr 0.01 (it is 0.001)"); /* focal */
    check_curve(&usual, CURVE({.6950, .6940}, {.65, .6935}, {.61, .6933}), NULL, "");            /* the training loss falls */
    check_curve(&usual, CURVE({.6950, .64}, {.6935, .63}, {.6941, .6350}), NULL, "");            /* dropout hides it, validation shows it */
}

static void one_that_is_not_finished(void **state)
{
    (void)state;
    struct desy_train_options few = usual;
    few.epochs = 4;
    check_curve(&few, CURVE({.67, .66}, {.6, .58}, {.53, .5}, {.46, .45}), "not_finished", "was still falling in epoch 4, the last one (0.45 after 0.5): more --epochs (--epochs 8)");
    check_curve(&few, CURVE({.67, .66}, {.6, .58}, {.53, .5}, {.46, .495}), NULL, "");  /* levels off */
    check_curve(&usual, CURVE({.67, .66}, {.6, .58}, {.53, .5}, {.46, .45}), NULL, ""); /* was not the last one allowed */
}

static void one_that_overfits(void **state)
{
    (void)state;
    check_curve(&usual, CURVE({.67, .60}, {.50, .55}, {.33, .60}, {.21, .68}, {.12, .76}), "overfits", "after epoch 2, which was kept, the training loss fell on (0.5 to 0.12) while the validation loss rose (0.55 to 0.68");
    check_curve(&usual, CURVE({.67, .60}, {.50, .55}, {.33, .60}, {.21, .68}, {.12, .76}), "overfits", "--weight-decay (it is 0.01)");
    /* Of shuffled labels, by `desy train --size full --epochs 12 --batch-size 8`. */
    check_curve(&usual, CURVE({.6694, .5669}, {.6321, .5395}, {.3729, 1.1426}, {.3360, 1.3780}, {.3807, .5960}, {.2335, .1329}, {.2821, .1560}, {.1053, .0799}, {.0591, .3774}, {.0277, .9559}), "overfits", "after epoch 8");
    check_curve(&usual, CURVE({.67, .60}, {.50, .55}, {.49, .62}, {.48, .66}), NULL, "");       /* the training loss stands still: chance of the validation part */
    check_curve(&usual, CURVE({.67, .20}, {.20, .01}, {.02, .014}, {.01, .018}), NULL, "");     /* twice nothing is nothing */
    check_curve(&usual, CURVE({.67, .60}, {.50, .55}, {.40, .70}), NULL, "");                   /* one epoch is no trend */
}

static void the_auc_that_guessing_reaches(void **state)
{
    (void)state;
    /* By hand: .5 + 1.96 sqrt(19 / 972), .5 + 1.96 sqrt(1101 / 1,200,000) */
    assert_true(fabs(desy_chance_auc((double[]){9, 9}) - .774031) < 1e-6);
    assert_true(fabs(desy_chance_auc((double[]){100, 1000}) - .559369) < 1e-6);
}

static void check_labels(double trained, double out_of_fold, const char *finding, const char *words)
{
    struct desy_diagnosis d = {0};
    desy_diagnose_labels(&d, trained, out_of_fold, (double[]){9, 9});
    expect(&d, finding, words);
}

static void labels_that_look_shuffled(void **state)
{
    (void)state;
    check_labels(1, .6125, "labels_look_shuffled", "(AUC 1.0000), but not by heads that had not seen their source or group (AUC 0.6125; guessing reaches 0.7740 on so many)");
    check_labels(.99, .2, "labels_look_shuffled", "desy check"); /* worse than chance is no better */
    check_labels(.04, .6125, "labels_look_shuffled", "(AUC 0.9600), but not"); /* the fusion turned them round */
    check_labels(1, .78, NULL, "");
    check_labels(1, 1, NULL, "");
    check_labels(.7, .6, NULL, ""); /* nothing was learned at all: that is another finding */
    check_labels(1, NAN, NULL, "");
}

static void check_verdicts(size_t real_as_real, size_t real_as_ai, size_t ai_as_real, size_t ai_as_ai, double most_false_alarms, const char *finding, const char *words)
{
    struct desy_diagnosis d = {0};
    struct desy_train_options options = usual;
    options.most_false_alarms = most_false_alarms;
    desy_diagnose_verdicts(&d, (size_t[2][2]){{real_as_real, real_as_ai}, {ai_as_real, ai_as_ai}}, &options);
    expect(&d, finding, words);
}

static void all_of_one_class(void **state)
{
    (void)state;
    check_verdicts(10, 0, 7, 0, 1, "one_class", "all 17 videos of training and validation, 10 of them real and 7 AI-generated, are called real: the model tells nothing apart");
    check_verdicts(0, 10, 0, 7, 1, "one_class", "are called AI-generated");
    check_verdicts(10, 0, 7, 0, .01, "one_class", "a larger --false-alarms (it is 0.01)");
    check_verdicts(0, 10, 0, 7, .01, "one_class", "the model tells nothing apart");
    check_verdicts(10, 0, 6, 1, 1, NULL, "");
    check_verdicts(9, 1, 7, 0, 1, NULL, "");
    check_verdicts(0, 0, 7, 0, 1, NULL, ""); /* one class was there */
}

static void as_json(void **state)
{
    (void)state;
    struct desy_diagnosis d = {0};
    cJSON *none = desy_diagnosis_json(&d), *list;
    assert_true(cJSON_IsArray(none) && !none->child);
    for (int i = 0; i < DESY_MOST_FINDINGS + 2; i++) desy_diagnose_labels(&d, 1, .5, (double[]){50, 50});
    list = desy_diagnosis_json(&d);
    assert_int_equal(cJSON_GetArraySize(list), DESY_MOST_FINDINGS);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(list->child, "finding")), "labels_look_shuffled");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(list->child, "words")), d.findings[0].words);
    cJSON_Delete(none);
    cJSON_Delete(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good_curves_have_no_finding), cmocka_unit_test(a_learning_rate_that_is_too_high), cmocka_unit_test(one_that_does_not_converge),
        cmocka_unit_test(one_that_is_not_finished), cmocka_unit_test(one_that_overfits), cmocka_unit_test(the_auc_that_guessing_reaches), cmocka_unit_test(labels_that_look_shuffled),
        cmocka_unit_test(all_of_one_class), cmocka_unit_test(as_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
