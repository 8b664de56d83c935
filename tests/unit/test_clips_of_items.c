/* From a store's rows to a model and to scores: rows that fill a clip up never count, and an item of many windows counts as one. */
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "tests/unit/unit.h"
#include "train/classifier.h"
#include "train/train.h"
#include "train/training_set.h"

#include <math.h>

enum { ITEMS = 90, T = 6, D = 2048 };
static desy_world *world;

static int frames_of(size_t item)
{
    return 4 + (int)(item % 3); /* 4 to T */
}

static enum desy_split_part part_of(size_t item)
{
    return item % 5 < 3 ? DESY_SPLIT_TRAIN : item % 5 == 3 ? DESY_SPLIT_VAL : DESY_SPLIT_TEST;
}

/* A clip whose numbers tell its label, faintly; the rows after its last frame repeat that, or are `padding`. */
static void fill(float *features, size_t item, int window, float padding)
{
    const int n = frames_of(item);
    for (int t = 0; t < T; t++)
        for (int d = 0; d < D; d++) {
            const int of = t < n ? t : n - 1;
            const double noise = desy_random_normal(1, item, (uint64_t)((window * T + of) * D + d));
            features[t * D + d] = t >= n && padding != 0 ? padding : (float)(noise + (item % 2 ? .25 * (d % 3) : 0));
        }
}

/* `windows` clips of each item; equal: the same one again. Returns the open store. */
static desy_store *make_store(const char *directory, int windows, bool equal, float padding)
{
    const struct desy_store_shape shape = {.extractor = "hybrid", .frames = T, .dims = D};
    const struct desy_segment_options options = {directory, 0, shape, "c0ffee", "data set", 0};
    struct desy_block_record record;
    struct desy_clip *clip = calloc(1, sizeof *clip);
    float *features = malloc((size_t)T * D * sizeof *features);
    desy_segment *segment;
    desy_store *store;
    assert_true(clip && features);
    assert_int_equal(desy_segment_open(&segment, &options), DESY_OK);
    clip->windows = windows;
    for (size_t i = 0; i < ITEMS; i++) {
        char path[32], source[8];
        snprintf(path, sizeof path, "%zu.mp4", i);
        snprintf(source, sizeof source, "%zu", i % 2 + 2 * (i / 10 % 3));
        const struct desy_item item = {.id = 1000 + i, .video_path = path, .label = (int)(i % 2), .source = source, .group = "", .text = "", .audio_path = "", .split = part_of(i)};
        clip->frames = frames_of(i);
        for (clip->window = 0; clip->window < windows; clip->window++) {
            fill(features, i, equal ? 0 : clip->window, padding);
            assert_int_equal(desy_segment_append(segment, &item, clip, features), DESY_OK);
        }
    }
    assert_int_equal(desy_segment_commit(&segment, 0, "inputs"), DESY_OK);
    assert_int_equal(desy_store_scan(&record, 1, directory, "c0ffee"), DESY_OK);
    assert_int_equal(desy_store_index(directory, &record, 1, &shape, NULL), DESY_OK);
    if (desy_store_open(&store, directory) != DESY_OK) fail_msg("%s", desy_error_message());
    free(features);
    free(clip);
    return store;
}

static desy_classifier *train(desy_store *store, const char *save_dir, enum desy_size size)
{
    const struct desy_train_options options = {.save_dir = save_dir, .seed = 3, .level = DESY_TRAIN_ALL, .size = size, .epochs = 2, .batch_size = 8, .patience = 2,
                                               .learning_rate = 1e-3, .weight_decay = .01, .focal_alpha = -1, .checkpoint_minutes = 10, .device = "cpu"};
    struct desy_train_result result;
    desy_classifier *classifier = NULL;
    if (desy_train(world, store, &options, &result) != DESY_OK || desy_classifier_open(&classifier, save_dir, "cpu") != DESY_OK) fail_msg("%s", desy_error_message());
    free(result.directory);
    return classifier;
}

static void assert_same_file(const char *one, const char *other)
{
    char a[DESY_SHA256_HEX], b[DESY_SHA256_HEX];
    assert_int_equal(desy_sha256_file(a, one), DESY_OK);
    assert_int_equal(desy_sha256_file(b, other), DESY_OK);
    assert_string_equal(a, b);
}

/* Full forms are in it: their gradients would show it, too. */
static void padding_never_counts(void **state)
{
    (void)state;
    desy_store *stores[2] = {make_store("repeats", 1, true, 0), make_store("poisoned", 1, true, 1e30f)};
    desy_classifier *classifiers[2] = {train(stores[0], "of-repeats", DESY_SIZE_FULL), train(stores[1], "of-poisoned", DESY_SIZE_FULL)};
    assert_same_file("of-repeats/v0001/weights.safetensors", "of-poisoned/v0001/weights.safetensors");
    assert_same_file("of-repeats/v0001/out_of_fold.safetensors", "of-poisoned/v0001/out_of_fold.safetensors");
    float *features = malloc((size_t)T * D * sizeof *features);
    for (size_t i = 0; i < ITEMS; i++) {
        struct desy_score scores[2] = {{0}};
        for (int s = 0; s < 2; s++) {
            assert_int_equal(desy_store_read_features(stores[s], i, 1, features), DESY_OK);
            if (s == 1 && frames_of(i) < T) assert_true(features[(T - 1) * D] == 1e30f);
            assert_int_equal(desy_classifier_score(classifiers[s], &(struct desy_clip_numbers){.features = features, .n_frames = frames_of(i)}, &scores[s]), DESY_OK);
        }
        assert_memory_equal(&scores[0], &scores[1], sizeof scores[0]);
    }
    free(features);
    for (int s = 0; s < 2; s++) {
        desy_classifier_close(&classifiers[s]);
        desy_store_close(&stores[s]);
    }
}

static double training_count(const char *path, const char *label)
{
    cJSON *model = NULL;
    assert_int_equal(desy_json_read(&model, path), DESY_OK);
    const cJSON *items = cJSON_GetObjectItem(cJSON_GetObjectItem(model, "training"), "items");
    const double count = cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetObjectItem(items, "train"), label));
    cJSON_Delete(model);
    return count;
}

/* Three times the same clip of each item is nothing new: the same folds, the same convex problem. */
static void windows_do_not_multiply_an_item(void **state)
{
    (void)state;
    desy_store *stores[2] = {make_store("single", 1, true, 0), make_store("triple", 3, true, 0)};
    desy_classifier *classifiers[2] = {train(stores[0], "of-single", DESY_SIZE_SMALL), train(stores[1], "of-triple", DESY_SIZE_SMALL)};
    assert_int_equal(desy_store_rows(stores[1]), 3 * ITEMS);
    assert_true(training_count("of-single/v0001/model.json", "real") == 27 && training_count("of-triple/v0001/model.json", "real") == 27);
    assert_string_equal(desy_classifier_training_sha256(classifiers[0]), desy_classifier_training_sha256(classifiers[1]));
    assert_true(fabs(desy_classifier_threshold(classifiers[0]) - desy_classifier_threshold(classifiers[1])) < 1e-6);
    float *features = malloc((size_t)T * D * sizeof *features);
    double most = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        struct desy_score scores[2] = {{0}};
        fill(features, i, 0, 0);
        for (int s = 0; s < 2; s++) assert_int_equal(desy_classifier_score(classifiers[s], &(struct desy_clip_numbers){.features = features, .n_frames = frames_of(i)}, &scores[s]), DESY_OK);
        assert_true(fabs(scores[0].logit - scores[1].logit) < 1e-5);
        most = fmax(most, fabs(scores[0].logit));
    }
    assert_true(most > .1); /* something was learnt */
    free(features);
    for (int s = 0; s < 2; s++) {
        desy_classifier_close(&classifiers[s]);
        desy_store_close(&stores[s]);
    }
}

static void a_score_of_windows_is_the_mean_of_theirs(void **state)
{
    (void)state;
    desy_store *store = make_store("windows", 3, false, 0);
    desy_classifier *classifier = train(store, "of-windows", DESY_SIZE_SMALL);
    float *features = malloc((size_t)T * D * sizeof *features);
    struct desy_score all = {0}, one;
    double logit = 0, high = 0, step = 0;
    for (int window = 0; window < 3; window++) {
        assert_int_equal(desy_store_read_features(store, (size_t)(3 * 7 + window), 1, features), DESY_OK);
        assert_int_equal(desy_classifier_score(classifier, &(struct desy_clip_numbers){.features = features, .n_frames = frames_of(7)}, &one), DESY_OK);
        assert_int_equal(desy_classifier_add(classifier, &(struct desy_clip_numbers){.features = features, .n_frames = frames_of(7)}, &all), DESY_OK);
        assert_int_equal(one.windows, 1);
        logit += one.logit / 3, high += log(one.high / (1 - one.high)) / 3, step += one.channel_logits[1] / 3;
    }
    assert_int_equal(desy_classifier_finish(classifier, &all), DESY_OK);
    assert_int_equal(all.windows, 3);
    assert_true(fabs(all.logit - logit) < 1e-12 && fabs(log(all.high / (1 - all.high)) - high) < 1e-9 && fabs(all.channel_logits[1] - step) < 1e-12);
    assert_true(fabs(all.logit - one.logit) > 1e-6); /* windows differ */
    all = (struct desy_score){0};
    assert_int_equal(desy_classifier_finish(classifier, &all), DESY_EUSAGE);
    free(features);
    desy_classifier_close(&classifier);
    desy_store_close(&store);
}

/* Items of one, two and three rows, the last of a three being a view. */
static void weights_and_folds_are_those_of_items(void **state)
{
    (void)state;
    enum { SETS = 40, ROWS = 2 * SETS };
    static const struct desy_layout layout = {1, 0};
    struct desy_training_set set, single;
    double weights[ROWS], alone[SETS], values[ROWS], folded[ROWS];
    size_t chosen, items, at = 0;
    const int rows_of[4] = {1, 2, 3, 2};
    assert_int_equal(desy_training_set_open(&set, world, &layout, ROWS), DESY_OK);
    assert_int_equal(desy_training_set_open(&single, world, &layout, SETS), DESY_OK);
    for (size_t i = 0; i < SETS; i++) {
        single.items[i] = (struct desy_split_item){.id = 100 * i, .group = i, .source = i % 7, .label = (int)(i % 2), .part = i % 5 ? DESY_SPLIT_TRAIN : DESY_SPLIT_VAL};
        for (int k = 0; k < rows_of[i % 4]; k++, at++) set.items[at] = single.items[i], set.augmented[at] = k == 2, values[at] = (double)i + k;
    }
    assert_int_equal(at, ROWS);
    assert_int_equal(desy_training_set_finish(&set, 5), DESY_OK);
    assert_int_equal(desy_training_set_finish(&single, 5), DESY_OK);
    assert_memory_equal(set.counts, single.counts, sizeof set.counts);
    assert_int_equal(desy_training_weights(&set, -1, weights, &chosen), DESY_OK);
    assert_int_equal(desy_training_weights(&single, -1, alone, &items), DESY_OK);
    assert_int_equal(items, 32);
    assert_true(chosen > items);
    memcpy(folded, weights, sizeof folded);
    desy_training_weigh_items(&set, folded, &chosen);
    assert_int_equal(chosen, items);
    desy_training_average(&set, values, 1);
    at = 0;
    for (size_t i = 0; i < SETS; i++) {
        const int n = rows_of[i % 4];
        for (int k = 0; k < n; k++) {
            assert_int_equal(set.folds[at + (size_t)k], single.folds[i]);
            assert_true(fabs(weights[at + (size_t)k] - alone[i] / n) < 1e-12);
            if (k) assert_true(folded[at + (size_t)k] == 0);
        }
        assert_true(fabs(folded[at] - alone[i]) < 1e-12);
        assert_true(fabs(values[at] - ((double)i + (n > 1 ? .5 : 0))) < 1e-12); /* the third row is a view */
        at += (size_t)n;
    }
    assert_int_equal(desy_validation_weights(&set, weights, &chosen), DESY_OK);
    for (size_t row = 0; row < ROWS; row++) assert_true(!set.augmented[row] || weights[row] == 0);
    desy_training_set_close(&set);
    desy_training_set_close(&single);
}

static int enter(void **state)
{
    return desy_world_open(&world) == DESY_OK && desy_log_open(NULL, 0, 1, true) == DESY_OK ? enter_directory(state) : -1;
}

static int leave(void **state)
{
    desy_world_close(&world);
    return leave_directory(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_never_counts), cmocka_unit_test(windows_do_not_multiply_an_item),
        cmocka_unit_test(a_score_of_windows_is_the_mean_of_theirs), cmocka_unit_test(weights_and_folds_are_those_of_items),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
