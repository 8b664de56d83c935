/* Model directories: versions, `current`, what is read back, and what is refused. */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/safetensors.h"
#include "tests/unit/unit.h"
#include "train/model_directory.h"
#include "train/temporal.h"

#include <dirent.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { ENCODER = 3, FRAMES = 4 };
#define FINGERPRINT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
static const struct desy_layout layout = {ENCODER, 0};
static const float features[FRAMES * ENCODER] = {1.5f, -2, .25f, 1, -1.5f, .5f, 2, 3, -.125f, 9, 9, 9};

/* "step" in its small form and "high_mlp", with numbers that decimals do not hold. */
static struct desy_ensemble make_ensemble(void)
{
    struct desy_ensemble e = {.layout = layout, .n = 2, .weight = {0, 1. / 3, .7}, .bias = -.1, .slope = {0, M_PI, 1 / .7}, .intercept = {0, 1e-17, -2. / 3}};
    assert_int_equal(desy_head_open(&e.heads[0], desy_channel_find("step"), &layout), DESY_OK);
    assert_int_equal(desy_head_open(&e.heads[1], desy_channel_find("high_mlp"), &layout), DESY_OK);
    assert_int_equal(desy_network_open(&e.heads[1].network, "high_mlp", 1, 2 * ENCODER, 3, "cpu", 1), DESY_OK);
    for (int k = 0; k < 2; k++)
        for (int d = 0; d < e.heads[k].inputs; d++) {
            e.heads[k].median[d] = d / 7. - .3 * k;
            e.heads[k].scale[d] = 1 / (d + 1.1);
            if (k == 0) e.heads[k].direction[d] = 1 / (d - 1.3);
        }
    e.heads[0].bias = 1. / 7, e.heads[0].mean = -1. / 9, e.heads[0].deviation = M_E;
    e.heads[1].mean = 1. / 11, e.heads[1].deviation = 1. / 13;
    return e;
}

static cJSON *make_model(void)
{
    cJSON *model = NULL;
    static const char text[] = "{\"format\": \"desy-model-1\", \"threshold\": 0.4375, \"calibrated\": true, \"extractor\": {\"name\": \"hybrid\", \"version\": 2, "
                               "\"frames\": 4, \"dims\": 3, \"sampling\": \"window\", \"weights_sha256\": \"aa\"}, \"training\": {\"seed\": \"18446744073709551615\", "
                               "\"data_sha256\": \"bb\", \"training_sha256\": \"cc\", \"fingerprint\": \"" FINGERPRINT "\"}}";
    assert_int_equal(desy_json_parse(&model, text, strlen(text), "text"), DESY_OK);
    return model;
}

static int publish(const char *save_dir, const struct desy_ensemble *ensemble, char **directory)
{
    cJSON *model = make_model();
    int rc = desy_model_publish(save_dir, ensemble, model, directory);
    cJSON_Delete(model);
    return rc;
}

/* The next version of a whole model; its directory must be `wanted`. */
static void publish_whole(const char *save_dir, const char *wanted)
{
    char *directory;
    struct desy_ensemble ensemble = make_ensemble();
    if (publish(save_dir, &ensemble, &directory) != DESY_OK) fail_msg("%s", desy_error_message());
    assert_string_equal(directory, wanted);
    free(directory);
    desy_ensemble_close(&ensemble);
}

static int entries(const char *path)
{
    int n = 0;
    DIR *listing = opendir(path);
    assert_non_null(listing);
    for (const struct dirent *entry; (entry = readdir(listing));) n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(listing);
    return n;
}

static void check_current(const char *save_dir, const char *wanted, const char *wanted_fingerprint)
{
    char *directory, fingerprint[65];
    assert_int_equal(desy_model_current(save_dir, &directory, fingerprint), DESY_OK);
    if (wanted) assert_string_equal(directory, wanted);
    else assert_null(directory);
    assert_string_equal(fingerprint, wanted_fingerprint);
    free(directory);
}

static void versions_count_up(void **state)
{
    (void)state;
    desy_classifier *classifier = NULL;
    check_current("deep/save", NULL, "");
    publish_whole("deep/save", "deep/save/v0001");
    check_current("deep/save", "deep/save/v0001", FINGERPRINT);
    publish_whole("deep/save", "deep/save/v0002");
    check_current("deep/save", "deep/save/v0002", FINGERPRINT);
    assert_int_equal(entries("deep/save"), 4); /* both, current, history */
    assert_int_equal(entries("deep/save/v0002"), 2);
    /* After the highest, whoever made it; names of another form are none. */
    write_text("deep/save/v0010.old", "");
    write_text("deep/save/v12345", "");
    assert_int_equal(mkdir("deep/save/v0006", 0777), 0);
    publish_whole("deep/save", "deep/save/v0007");
    assert_int_equal(desy_classifier_open(&classifier, "deep/save", "cpu"), DESY_OK);
    assert_string_equal(desy_classifier_name(classifier), "v0007");
    assert_string_equal(desy_classifier_directory(classifier), "deep/save/v0007");
    desy_classifier_close(&classifier);
    /* An older one is chosen by hand. */
    write_text("deep/save/current", "v0001\r\n");
    check_current("deep/save", "deep/save/v0001", FINGERPRINT);
    assert_int_equal(desy_classifier_open(&classifier, "deep/save", "cpu"), DESY_OK);
    assert_string_equal(desy_classifier_name(classifier), "v0001");
    desy_classifier_close(&classifier);
}

/* Each whole, none lost, and `history` with `current` holds every one once, whoever came when. */
static void trainings_that_end_at_once_keep_all_models(void **state)
{
    (void)state;
    enum { PROCESSES = 4, MODELS = 10 };
    struct desy_ensemble ensemble = make_ensemble();
    char *history, *current, name[16];
    size_t size;
    for (int p = 0; p < PROCESSES; p++)
        if (fork() == 0) {
            for (int i = 0; i < MODELS; i++) {
                char *directory;
                if (publish("busy", &ensemble, &directory) != DESY_OK) _exit(1);
                free(directory);
            }
            _exit(0);
        }
    for (int p = 0; p < PROCESSES; p++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(entries("busy"), PROCESSES * MODELS + 2);
    assert_int_equal(desy_file_read(&history, &size, "busy/history"), DESY_OK);
    assert_int_equal(size, (PROCESSES * MODELS - 1) * 6);
    assert_int_equal(desy_file_read(&current, &size, "busy/current"), DESY_OK);
    for (int v = 1; v <= PROCESSES * MODELS; v++) {
        desy_classifier *classifier = NULL;
        char *path = desy_format("busy/v%04d", v);
        if (desy_classifier_open(&classifier, path, "cpu") != DESY_OK) fail_msg("%s", desy_error_message());
        desy_classifier_close(&classifier);
        free(path);
        snprintf(name, sizeof name, "v%04d\n", v);
        assert_true(strstr(history, name) || strcmp(current, name) == 0);
    }
    free(history);
    free(current);
    desy_ensemble_close(&ensemble);
}

static void the_last_version_is_9999(void **state)
{
    (void)state;
    char *directory;
    struct desy_ensemble ensemble = make_ensemble();
    assert_int_equal(mkdir("last", 0777), 0);
    assert_int_equal(mkdir("last/v9998", 0777), 0);
    publish_whole("last", "last/v9999");
    assert_int_equal(publish("last", &ensemble, &directory), DESY_EENV);
    assert_null(directory);
    assert_int_equal(entries("last"), 3);
    desy_ensemble_close(&ensemble);
}

static void what_is_written_reads_back_to_the_bit(void **state)
{
    (void)state;
    float vector[3 * ENCODER + DESY_TEMPORAL_DIMS + 1];
    double logits[2];
    struct desy_score score;
    desy_classifier *classifier = NULL;
    struct desy_ensemble e = make_ensemble();
    publish_whole("trip", "trip/v0001");
    assert_int_equal(desy_pool(vector, &layout, features, FRAMES, 3), DESY_OK);
    for (int k = 0; k < 2; k++) assert_int_equal(desy_head_logits(&e.heads[k], vector, 0, NULL, 1, &logits[k]), DESY_OK);
    if (desy_classifier_open(&classifier, "trip/v0001/", "cpu") != DESY_OK) fail_msg("%s", desy_error_message());
    assert_int_equal(desy_classifier_score(classifier, &(struct desy_clip_numbers){.features = features, .n_frames = 3}, &score), DESY_OK);
    assert_int_equal(score.channels, 2);
    assert_memory_equal(score.channel_logits, logits, sizeof logits);
    assert_true(score.logit == -.1 + 1. / 3 * logits[0] + .7 * logits[1]);
    assert_true(isnan(score.low));
    assert_true(score.mid == desy_sigmoid(M_PI * logits[0] + 1e-17));
    assert_true(score.high == desy_sigmoid(1 / .7 * logits[1] - 2. / 3));
    assert_string_equal(desy_classifier_name(classifier), "v0001");
    assert_string_equal(desy_classifier_channel(classifier, 1), "high_mlp");
    assert_true(desy_classifier_threshold(classifier) == .4375 && desy_classifier_calibrated(classifier));
    assert_true(desy_classifier_seed(classifier) == UINT64_MAX);
    assert_int_equal(desy_classifier_frames(classifier), FRAMES);
    assert_int_equal(desy_classifier_score(classifier, &(struct desy_clip_numbers){.features = (float[]){1, 2, NAN}, .n_frames = 1}, &score), DESY_EDATA);
    assert_int_equal(desy_classifier_score(classifier, &(struct desy_clip_numbers){.features = features, .n_frames = FRAMES + 1}, &score), DESY_EDATA);
    desy_classifier_close(&classifier);
    desy_ensemble_close(&e);
}

static void check_column(const desy_safetensors *file, const char *name, const char *dtype, const void *wanted)
{
    const struct desy_tensor *tensor = desy_safetensors_find(file, name);
    assert_non_null(tensor);
    assert_string_equal(tensor->dtype, dtype);
    assert_int_equal(tensor->bytes, 3 * 8);
    assert_memory_equal(tensor->data, wanted, 3 * 8);
}

static void out_of_fold_logits_are_kept(void **state)
{
    (void)state;
    char *directory;
    desy_safetensors *file;
    struct desy_ensemble ensemble = make_ensemble();
    ensemble.out_of_fold = (const double[]){1. / 3, 2, -3, 4, 5, -6. / 7};
    ensemble.ids = (const uint64_t[]){7, UINT64_MAX, 1};
    ensemble.training = 3;
    assert_int_equal(publish("kept", &ensemble, &directory), DESY_OK);
    assert_int_equal(entries("kept/v0001"), 3);
    assert_int_equal(desy_safetensors_open(&file, "kept/v0001/out_of_fold.safetensors"), DESY_OK);
    check_column(file, "ids", "U64", ensemble.ids);
    check_column(file, "step", "F64", (double[]){1. / 3, -3, 5});
    check_column(file, "high_mlp", "F64", (double[]){2, 4, -6. / 7});
    desy_safetensors_close(&file);
    free(directory);
    desy_ensemble_close(&ensemble);
}

static void refuse(const char *model, const char *wanted)
{
    desy_classifier *classifier = NULL;
    assert_int_equal(desy_classifier_open(&classifier, model, "cpu"), DESY_EDATA);
    assert_null(classifier);
    if (!strstr(desy_error_message(), wanted)) fail_msg("\"%s\" is not in: %s", wanted, desy_error_message());
}

/* bad/v0001 with `from` in place of `to` in model.json, once. */
static void replace_in_model(const char *from, const char *to)
{
    char *text, *at, *changed;
    size_t size;
    assert_int_equal(desy_file_read(&text, &size, "bad/v0001/model.json"), DESY_OK);
    if (!(at = strstr(text, from))) fail_msg("\"%s\" is not in %s", from, text);
    *at = '\0';
    changed = desy_format("%s%s%s", text, to, at + strlen(from));
    write_text("bad/v0001/model.json", changed);
    free(changed);
    free(text);
}

static void refuse_model(const char *from, const char *to, const char *wanted)
{
    replace_in_model(from, to);
    refuse("bad", wanted);
    replace_in_model(to, from);
}

static void damaged_descriptions_are_refused(void **state)
{
    (void)state;
    desy_classifier *classifier = NULL;
    publish_whole("bad", "bad/v0001");
    refuse_model("\"desy-model-1\"", "\"desy-model-2\"", "model.json has the format \"desy-model-2\"");
    refuse_model("\"desy-model-1\"", "\"desy-model-1", "bad/v0001/model.json:");
    refuse_model("\"format\"", "\"formal\"", "model.json: ");
    refuse_model("\"threshold\":\t0.4375", "\"threshold\":\t\"0.4375\"", "model.json: ");
    refuse_model("\"threshold\":\t0.4375", "\"threshold\":\t4.4375", "model.json: a threshold of 4.4375");
    refuse_model("\"threshold\":\t0.4375", "\"threshold\":\t0.4376", "bad/v0001: model.json is not what it was");
    refuse_model("\"dims\":\t3", "\"dims\":\t5", "bad/v0001/model.json: a layout of 3 + 0 numbers");
    refuse_model("\"frames\":\t4", "\"frames\":\t0", "model.json: 0 frames");
    refuse_model("\"name\":\t\"step\"", "\"name\":\t\"stride\"", "model.json: this version of desy knows no channel \"stride\"");
    refuse_model("\"inputs\":\t6", "\"inputs\":\t7", "model.json: the channel high_mlp has 7 inputs");
    refuse_model("\"logit_deviation\":", "\"logit_deviation\":\t0, \"was\":", "model.json: the logit_deviation of step");
    refuse_model("\"fusion\":", "\"fuse\":", "model.json: fusion");
    refuse_model("\"channels\":", "\"canals\":", "model.json: no channels");
    assert_int_equal(desy_classifier_open(&classifier, "bad", "cpu"), DESY_OK);
    desy_classifier_close(&classifier);
}

/* weak/v0001 without one of its tensors. */
static void drop_tensor(const char *name)
{
    desy_safetensors *file;
    struct desy_tensor tensors[16];
    size_t n = 0;
    assert_int_equal(desy_safetensors_open(&file, "weak/v0001/weights.safetensors"), DESY_OK);
    for (size_t i = 0; i < desy_safetensors_count(file); i++)
        if (strcmp(desy_safetensors_at(file, i)->name, name) != 0) tensors[n++] = *desy_safetensors_at(file, i);
    assert_int_equal(n, desy_safetensors_count(file) - 1);
    assert_int_equal(desy_safetensors_write("weak/v0001/weights.safetensors", tensors, n), DESY_OK);
    desy_safetensors_close(&file);
}

static void damaged_weights_are_refused(void **state)
{
    (void)state;
    char *data;
    size_t size;
    const char *path = "weak/v0001/weights.safetensors", *const names[] = {"step.median", "step.direction", "high_mlp.scale", "high_mlp.mlp.1.bias"};
    publish_whole("weak", "weak/v0001");
    assert_int_equal(desy_file_read(&data, &size, path), DESY_OK);
    assert_int_equal(truncate(path, (off_t)size - 1), 0);
    refuse("weak", path);
    assert_int_equal(truncate(path, 0), 0);
    refuse("weak", path);
    assert_int_equal(unlink(path), 0);
    refuse("weak", path);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(desy_file_write_atomic(path, data, size), DESY_OK);
        drop_tensor(names[i]);
        refuse("weak", path);
        assert_non_null(strstr(desy_error_message(), names[i]));
    }
    free(data);
}

static void current_that_names_nothing_is_refused(void **state)
{
    (void)state;
    const char *const nonsense[] = {"v0042\n", "bad/v0001\n", "/\n", "..\n", "\n", ""};
    refuse("nowhere", "nowhere: no model there");
    assert_int_equal(desy_make_directory("pointless"), DESY_OK);
    refuse("pointless", "pointless: no model there");
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        write_text("pointless/current", nonsense[i]);
        refuse("pointless", i == 0 ? "pointless/v0042" : "pointless/");
        check_current("pointless", NULL, ""); /* a training goes on as if there were none */
    }
}

static void failures_leave_nothing_behind(void **state)
{
    (void)state;
    char *directory;
    struct desy_ensemble whole = make_ensemble(), bad = make_ensemble();
    bad.bias = NAN; /* has no place in JSON: fails when all the rest is written already */
    bad.out_of_fold = (const double[]){1, 2};
    bad.ids = (const uint64_t[]){3};
    bad.training = 1;
    publish_whole("tidy", "tidy/v0001");
    assert_int_equal(publish("tidy", &bad, &directory), DESY_EUSAGE);
    assert_null(directory);
    assert_int_equal(entries("tidy"), 2);
    check_current("tidy", "tidy/v0001", FINGERPRINT);
    write_text("file", "");
    assert_int_equal(publish("file/under", &whole, &directory), DESY_EENV);
    assert_null(directory);
    assert_non_null(strstr(desy_error_message(), "file"));
    /* The version stands, but a directory is in the place of `current`. */
    assert_int_equal(desy_make_directory("blocked/current"), DESY_OK);
    assert_int_equal(publish("blocked", &whole, &directory), DESY_EENV);
    assert_non_null(strstr(desy_error_message(), "blocked/current"));
    free(directory);
    assert_int_equal(entries("blocked"), 2);
    desy_ensemble_close(&whole);
    desy_ensemble_close(&bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(versions_count_up), cmocka_unit_test(trainings_that_end_at_once_keep_all_models), cmocka_unit_test(the_last_version_is_9999),
        cmocka_unit_test(what_is_written_reads_back_to_the_bit), cmocka_unit_test(out_of_fold_logits_are_kept), cmocka_unit_test(damaged_descriptions_are_refused),
        cmocka_unit_test(damaged_weights_are_refused), cmocka_unit_test(current_that_names_nothing_is_refused),
        cmocka_unit_test(failures_leave_nothing_behind)};
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
