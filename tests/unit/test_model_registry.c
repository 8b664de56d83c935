/* Two model.json side by side: which is worse, what can't be compared, what differs. */
#include "base/json.h"
#include "desy.h"
#include "tests/unit/unit.h"
#include "train/model_registry.h"

static cJSON *parse(const char *text)
{
    cJSON *json = NULL;
    assert_int_equal(desy_json_parse(&json, text, strlen(text), "text"), DESY_OK);
    return json;
}

/* A model with these data, training part, AUC (NULL: none) and more members of `training`. */
static cJSON *make(const char *data, const char *part, const char *auc, const char *more)
{
    char text[1024];
    snprintf(text, sizeof text,
             "{\"desy\": \"1.0\", \"threshold\": 0.25, \"out_of_fold\": {%s%s%s\"accuracy\": 0.5}, \"validation\": {\"roc_auc\": 0.75}, \"extractor\": {\"name\": \"hybrid\", \"frames\": 16},"
             "\"channels\": [{\"name\": \"e\", \"level\": \"low\", \"form\": \"small\", \"inputs\": 63}, {\"name\": \"mean\", \"level\": \"high\", \"form\": \"small\", \"inputs\": 1280}],"
             "\"training\": {\"data_sha256\": \"%s\", \"training_sha256\": \"%s\", \"fingerprint\": \"%s%s\", \"items\": {\"train\": {\"real\": 5, \"ai\": 7}}%s%s}}",
             auc ? "\"roc_auc\": " : "", auc ? auc : "", auc ? ", " : "", data, part, data, part, more ? ", " : "", more ? more : "");
    return parse(text);
}

static void check_order(cJSON *candidate, cJSON *other, enum desy_model_order wanted)
{
    assert_int_equal(desy_model_order(candidate, other), wanted);
    cJSON_Delete(candidate);
    cJSON_Delete(other);
}

static void which_is_worse(void **state)
{
    (void)state;
    check_order(make("d", "t", "0.875", NULL), make("d", "t", "0.876", NULL), DESY_MODEL_WORSE);
    check_order(make("d", "t", "0.876", NULL), make("d", "t", "0.875", NULL), DESY_MODEL_AS_GOOD);
    check_order(make("d", "t", "0.875", NULL), make("d", "t", "0.875", NULL), DESY_MODEL_AS_GOOD);
    check_order(make("d", "t", "0.9", NULL), make("other", "t", "0.8", NULL), DESY_MODEL_OTHER_DATA);
    check_order(make("d", "t", "0.9", NULL), make("d", "other", "0.8", NULL), DESY_MODEL_OTHER_DATA);
    check_order(make("d", "t", NULL, NULL), make("d", "t", "0.8", NULL), DESY_MODEL_OTHER_DATA);
    check_order(make("d", "t", "0.9", NULL), parse("{}"), DESY_MODEL_OTHER_DATA);
    check_order(parse("{}"), parse("{}"), DESY_MODEL_OTHER_DATA);
}

static void a_line_of_figures(void **state)
{
    (void)state;
    cJSON *model = make("d", "t", "0.875", NULL), *summary = desy_model_summary(model), *empty = parse("{}"), *nothing = desy_model_summary(empty);
    cJSON *wanted = parse("{\"out_of_fold_auc\": 0.875, \"validation_auc\": 0.75, \"threshold\": 0.25, \"levels\": [\"low\", \"high\"], \"training_items\": 12, \"desy\": \"1.0\"}"),
          *of_nothing = parse("{\"levels\": []}");
    assert_true(cJSON_Compare(summary, wanted, true));
    assert_true(cJSON_Compare(nothing, of_nothing, true));
    cJSON *all[] = {model, summary, empty, nothing, wanted, of_nothing};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) cJSON_Delete(all[i]);
}

static void check_differences(cJSON *a, cJSON *b, bool comparable, const char *wanted_text)
{
    cJSON *report = desy_model_compare(a, b), *wanted = parse(wanted_text), *found = cJSON_GetObjectItem(report, "differs");
    assert_int_equal(cJSON_IsTrue(cJSON_GetObjectItem(report, "comparable")), comparable);
    if (!cJSON_Compare(found, wanted, true)) fail_msg("%s", cJSON_PrintUnformatted(found));
    cJSON_Delete(report);
    cJSON_Delete(wanted);
    cJSON_Delete(a);
    cJSON_Delete(b);
}

static void what_differs(void **state)
{
    (void)state;
    check_differences(make("d", "t", "0.9", NULL), make("d", "t", "0.8", NULL), true, "[]"); /* results are figures, not differences */
    check_differences(make("d", "t", "0.9", "\"batch_size\": 2, \"commands\": [\"a\"]"), make("d", "t", "0.9", "\"batch_size\": 8, \"loss\": \"focal\", \"commands\": [\"b\"]"), true,
                      "[{\"what\": \"training.batch_size\", \"a\": 2, \"b\": 8}, {\"what\": \"training.loss\", \"b\": \"focal\"}]");
    check_differences(make("d", "t", "0.9", NULL), make("x", "t", "0.9", NULL), false, "[{\"what\": \"training.data_sha256\", \"a\": \"d\", \"b\": \"x\"}]");
    cJSON *changed = make("d", "t", "0.9", NULL), *channels = cJSON_GetObjectItem(changed, "channels");
    cJSON_DeleteItemFromArray(channels, 1);
    cJSON_ReplaceItemInObject(channels->child, "form", cJSON_CreateString("full"));
    cJSON_ReplaceItemInObject(cJSON_GetObjectItem(changed, "extractor"), "frames", cJSON_CreateNumber(8));
    check_differences(make("d", "t", "0.9", NULL), changed, true,
                      "[{\"what\": \"channels.e\", \"a\": \"low, small, 63 inputs\", \"b\": \"low, full, 63 inputs\"}, {\"what\": \"channels.mean\", \"a\": \"high, small, 1280 inputs\"},"
                      "{\"what\": \"extractor.frames\", \"a\": 16, \"b\": 8}]");
}

static void figures_side_by_side(void **state)
{
    (void)state;
    cJSON *a = make("d", "t", "0.9", NULL), *b = make("d", "t", NULL, NULL), *report = desy_model_compare(a, b);
    cJSON *wanted = parse("[{\"what\": \"out_of_fold.roc_auc\", \"a\": 0.9}, {\"what\": \"out_of_fold.accuracy\", \"a\": 0.5, \"b\": 0.5},"
                          "{\"what\": \"validation.roc_auc\", \"a\": 0.75, \"b\": 0.75}, {\"what\": \"threshold\", \"a\": 0.25, \"b\": 0.25}]");
    assert_true(cJSON_Compare(cJSON_GetObjectItem(report, "figures"), wanted, true));
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(report, "why")), "one of them has no out-of-fold AUC");
    cJSON *all[] = {a, b, report, wanted};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) cJSON_Delete(all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(which_is_worse), cmocka_unit_test(a_line_of_figures), cmocka_unit_test(what_differs), cmocka_unit_test(figures_side_by_side)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
