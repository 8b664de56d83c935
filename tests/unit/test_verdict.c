/* Made findings for each verdict, and for each way to it (docs/evaluation.md). */
#include "eval/verdict.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Everything measured, much of it, and nothing found. */
static struct desy_findings clean(void)
{
    return (struct desy_findings){
        .has_store = true,
        .has_labels = true, .labels = {.auc = .93, .mean = .5, .band = {.46, .54}, .p = .001, .permutations = 1000},
        .has_probe = true, .probe = {.pos = 500, .neg = 500, .auc = .51, .interval = {.47, .55}, .method = "DeLong"}, .probe_p = .3, .probe_smallest = .54,
        .has_real = true, .n_real_sources = 6, .real_mean = .55, .real_null = .53, .real_band = {.51, .56}, .real_p = .1,
        .has_copies = true, .copied = 0, .compared = 1000,
    };
}

static unsigned suspected; /* of the verdict last reached */

static enum desy_verdict verdict_of(const struct desy_findings *findings, const char *reason)
{
    enum desy_verdict verdict;
    const cJSON *text;
    cJSON *reasons = cJSON_CreateArray();
    bool said = false;
    assert_true(desy_verdict_reach(findings, &verdict, &suspected, reasons));
    cJSON_ArrayForEach(text, reasons) said |= strstr(text->valuestring, reason) != NULL;
    if (!said) print_error("no reason says '%s': %s\n", reason, cJSON_Print(reasons));
    assert_true(said);
    assert_true((suspected != 0) == (verdict == DESY_SHORTCUT_SUSPECTED));
    cJSON_Delete(reasons);
    return verdict;
}

static void test_none_found(void **state)
{
    (void)state;
    struct desy_findings f = clean();
    assert_int_equal(verdict_of(&f, "no more than chance"), DESY_NO_SHORTCUT_FOUND);
    assert_int_equal(verdict_of(&f, "reaches an AUC of 0.54 would have been seen"), DESY_NO_SHORTCUT_FOUND);
    f.has_store = f.has_probe = f.has_copies = false;
    assert_int_equal(verdict_of(&f, "a score file has none"), DESY_NO_SHORTCUT_FOUND);
    f = clean();
    f.real_p = .001; /* significant, and small */
    assert_int_equal(verdict_of(&f, "folded AUC 0.55"), DESY_NO_SHORTCUT_FOUND);
    f = clean();
    f.copied = 99, f.has_without = true, f.auc = .93, f.auc_without = .925;
    assert_int_equal(verdict_of(&f, "looking the same as a clip there: 99 of 1000 clips. The AUC is 0.930, and 0.925 without them"), DESY_NO_SHORTCUT_FOUND);
}

static void test_suspected(void **state)
{
    (void)state;
    struct desy_findings f = clean();
    f.probe.auc = .61, f.probe.interval[0] = .51, f.probe.interval[1] = .70, f.probe_p = .01;
    assert_int_equal(verdict_of(&f, "The metadata alone rank 61 % of pairs right (51 to 70 %), which is more than chance"), DESY_SHORTCUT_SUSPECTED);
    assert_int_equal(suspected, DESY_BY_METADATA);
    f = clean();
    f.real_mean = .68, f.real_p = .001;
    assert_int_equal(verdict_of(&f, "It knows collections again"), DESY_SHORTCUT_SUSPECTED);
    assert_int_equal(suspected, DESY_BY_COLLECTION);
    f = clean();
    f.copied = 10, f.has_without = true, f.auc = .93, f.auc_without = .71;
    assert_int_equal(verdict_of(&f, "The AUC is 0.930, and 0.710 without them"), DESY_SHORTCUT_SUSPECTED);
    assert_int_equal(suspected, DESY_BY_COPIES);
    f = clean();
    f.copied = 100;
    assert_int_equal(verdict_of(&f, "100 of 1000 clips"), DESY_SHORTCUT_SUSPECTED);
    f = clean();
    f.generators = (struct desy_seen){true, {.auc = .98, .interval = {.97, .99}}, {.auc = .7, .interval = {.6, .8}}};
    assert_int_equal(verdict_of(&f, "generators that the training part has: AUC 0.98 (0.97 to 0.99); of others: 0.70"), DESY_SHORTCUT_SUSPECTED);
    assert_int_equal(suspected, DESY_BY_SOURCE);
    f.probe_smallest = NAN; /* what was found is found, however little there is */
    assert_int_equal(verdict_of(&f, "absence is not shown"), DESY_SHORTCUT_SUSPECTED);
}

static void test_too_little(void **state)
{
    (void)state;
    struct desy_findings f = clean();
    f.probe.pos = f.probe.neg = 11, f.probe_smallest = .804;
    assert_int_equal(verdict_of(&f, "With 22 clips a probe would have had to reach an AUC of 0.80 to be seen: absence is not shown"), DESY_TOO_LITTLE_DATA);
    f.probe_smallest = NAN;
    assert_int_equal(verdict_of(&f, "not even a perfect probe"), DESY_TOO_LITTLE_DATA);
    f = clean();
    f.real_band[1] = .64;
    assert_int_equal(verdict_of(&f, "can not be seen"), DESY_TOO_LITTLE_DATA);
    f = clean();
    f.has_labels = false;
    assert_int_equal(verdict_of(&f, "Only one class"), DESY_TOO_LITTLE_DATA);
    f = clean();
    f.has_store = f.has_probe = f.has_real = false; /* nobody looked */
    assert_int_equal(verdict_of(&f, "that needs two with 5 clips each"), DESY_TOO_LITTLE_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_none_found), cmocka_unit_test(test_suspected), cmocka_unit_test(test_too_little)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
