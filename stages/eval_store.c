/* desy eval STORE: what a model says of a part of a store. */
#include "stages/eval.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "eval/uncertainty.h"
#include "eval/versus.h"
#include "stages/device.h"
#include "stages/known.h"
#include "stages/robustness.h"
#include "stages/store_scores.h"
#include "stages/thumbnails.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int open_both(struct desy_store_scoring *evaluation, struct desy_invocation *invocation, const char *store, const char *model)
{
    char device[16];
    int rc = DESY_OK;
    DESY_TRY(desy_store_open(&evaluation->store, store));
    DESY_TRY(desy_rank_device(device, desy_eval_settings.device, invocation->world));
    DESY_TRY(desy_classifier_open(&evaluation->classifier, model, device));
    DESY_TRY(desy_store_scoring_check(evaluation, store, model, desy_rank(invocation->world) == 0));
out:
    return rc;
}

/* What is evaluated, and, beside the test part, the validation part. */
static int choose_parts(const struct desy_store_scoring *evaluation, struct desy_chosen_items *evaluated, struct desy_chosen_items *validation)
{
    enum desy_split_part part = DESY_SPLIT_NONE;
    const bool all = strcmp(desy_eval_settings.split, "all") == 0;
    int rc = all ? DESY_OK : desy_split_parse(&part, desy_eval_settings.split);
    if (rc == DESY_OK) rc = desy_choose_items(&evaluation->items, all, part, evaluated);
    if (rc == DESY_OK && evaluated->n == 0) rc = desy_error(DESY_EDATA, "the store has no labelled video in the %s part; try --split all", desy_eval_settings.split);
    if (rc == DESY_OK && part == DESY_SPLIT_TEST) rc = desy_choose_items(&evaluation->items, false, DESY_SPLIT_VAL, validation);
    return rc;
}

static int describe(const struct desy_store_scoring *evaluation, const char *store, cJSON *provenance)
{
    char trained[DESY_SHA256_HEX], index[DESY_SHA256_HEX], *path = desy_path_join(store, "index.h5");
    const desy_classifier *classifier = evaluation->classifier;
    int rc = path ? desy_training_sha256(&evaluation->items, trained) : desy_error_memory("a path");
    if (rc == DESY_OK) rc = desy_sha256_file(index, path);
    free(path);
    if (rc != DESY_OK) return rc;
    const bool same = strcmp(trained, desy_classifier_training_sha256(classifier)) == 0;
    if (!same)
        desy_log_warning("eval: the training part of this store is not what the model was trained on: if it saw some of these clips, the figures flatter it");
    return cJSON_AddStringToObject(provenance, "desy", DESY_VERSION) && cJSON_AddStringToObject(provenance, "model", desy_classifier_name(classifier))
                   && cJSON_AddStringToObject(provenance, "model_sha256", desy_classifier_sha256(classifier))
                   && cJSON_AddStringToObject(provenance, "extractor", desy_store_extractor(evaluation->store))
                   && cJSON_AddStringToObject(provenance, "index_sha256", index)
                   && cJSON_AddStringToObject(provenance, "trained_on_content_sha256", desy_classifier_data_sha256(classifier))
                   && cJSON_AddNumberToObject(provenance, "seed", (double)desy_classifier_seed(classifier))
                   && cJSON_AddBoolToObject(provenance, "training_part_as_in_training", same)
               ? DESY_OK
               : desy_error_memory("the provenance");
}

/* The same clips by another model. */
static int score_rival(struct desy_invocation *invocation, const struct desy_store_scoring *evaluation, const struct desy_chosen_items *evaluated, const char *store, struct desy_scores *scores,
                       struct desy_rival *rival, cJSON *provenance)
{
    struct desy_store_scoring other = *evaluation; /* all but the classifier */
    char device[16];
    int rc = DESY_OK;
    other.classifier = NULL;
    DESY_TRY(desy_rank_device(device, desy_eval_settings.device, invocation->world));
    DESY_TRY(desy_classifier_open(&other.classifier, desy_eval_settings.versus, device));
    DESY_TRY(desy_store_scoring_check(&other, store, desy_eval_settings.versus, desy_rank(invocation->world) == 0));
    DESY_TRY(desy_store_score(&other, invocation->world, evaluated, 0, scores));
    if (!cJSON_AddStringToObject(provenance, "versus", desy_classifier_name(other.classifier)) || !cJSON_AddStringToObject(provenance, "versus_sha256", desy_classifier_sha256(other.classifier)))
        DESY_TRY(desy_error_memory("the provenance"));
    rival->threshold = desy_eval_settings.threshold ? strtod(desy_eval_settings.threshold, NULL) : other.level < 0 ? desy_classifier_threshold(other.classifier) : .5;
out:
    desy_classifier_close(&other.classifier);
    return rc;
}

/* Is the report that is there of this model, this store and these options? metrics.json is the last of its files. */
static bool is_done(const struct desy_report_options *options)
{
    double threshold = NAN;
    const char *split = "", *level = "";
    cJSON *metrics = NULL;
    char *path = desy_path_join(options->directory, "metrics.json");
    bool done = path && desy_file_exists(path) && desy_json_read(&metrics, path) == DESY_OK
                && cJSON_Compare(cJSON_GetObjectItemCaseSensitive(metrics, "provenance"), options->provenance, true)
                && (isnan(desy_json_number_of(metrics, "roc_auc")) || desy_json_number_of(metrics, "n") > DESY_BOOTSTRAP_MOST || options->resamples == 0
                    || desy_json_number_of(cJSON_GetObjectItemCaseSensitive(metrics, "bootstrap"), "resamples") == (double)options->resamples)
                && desy_json_double(&threshold, metrics, "threshold", path) == DESY_OK && threshold == options->threshold
                && desy_json_string(&split, metrics, "split", path) == DESY_OK && strcmp(split, options->split) == 0
                && desy_json_string(&level, metrics, "level", path) == DESY_OK && strcmp(level, options->level) == 0;
    cJSON_Delete(metrics);
    free(path);
    return done;
}

int desy_eval_stage(struct desy_invocation *invocation, const char *store, const char *model, const char *directory, bool unless_done)
{
    desy_world *world = invocation->world;
    struct desy_store_scoring evaluation = {.level = -1, .level_name = desy_eval_settings.level};
    struct desy_chosen_items evaluated = {0}, choosers = {0};
    struct desy_scores scores = {0}, validation = {0}, others = {0};
    struct desy_rival rival = {.scores = &others, .name = desy_eval_settings.versus, .ours = model};
    struct desy_known known = {0};
    struct desy_altered_scores *altered = NULL;
    size_t n_altered = 0;
    desy_thumbnails *thumbnails = NULL;
    char *subject = NULL;
    bool done = false;
    cJSON *provenance = cJSON_CreateObject();
    struct desy_report_options options = {.directory = directory, .level = desy_eval_settings.level, .split = desy_eval_settings.split, .seed = invocation->seed, .provenance = provenance,
                                          .resamples = (size_t)desy_eval_settings.resamples, .rival = desy_eval_settings.versus ? &rival : NULL};

    int rc = desy_eval_parse(&evaluation.level, &options.threshold, &options.threshold_from);
    if (rc == DESY_OK) rc = open_both(&evaluation, invocation, store, model);
    DESY_TRY(desy_agree(world, rc));
    DESY_TRY(desy_items_read(world, evaluation.store, desy_classifier_seed(evaluation.classifier), false, &evaluation.items));
    rc = choose_parts(&evaluation, &evaluated, &choosers);
    if (rc == DESY_OK) rc = describe(&evaluation, store, provenance);
    subject = desy_format("Model %s, level %s, on %s%s of %s", desy_classifier_name(evaluation.classifier), desy_eval_settings.level,
                          strcmp(desy_eval_settings.split, "all") == 0 ? "all" : desy_eval_settings.split, strcmp(desy_eval_settings.split, "all") == 0 ? "" : " part", desy_base_name(store));
    if (rc == DESY_OK && !subject) rc = desy_error_memory("a title");
    if (!options.threshold_from) {
        options.threshold = evaluation.level < 0 ? desy_classifier_threshold(evaluation.classifier) : .5;
        options.threshold_from = evaluation.level < 0 ? "validation" : "default";
    }
    options.subject = subject;
    options.model = desy_classifier_model(evaluation.classifier);
    if (evaluation.level < 0) options.out_of_fold = desy_classifier_out_of_fold(evaluation.classifier);
    DESY_TRY(desy_agree(world, rc));
    done = unless_done && !desy_eval_settings.csv_safe /* which metrics.json does not tell */ && desy_rank(world) == 0 && is_done(&options);
    desy_broadcast(world, &done, sizeof done, 0);
    if (done) {
        desy_log_info("eval: the report is of this model and this store already: nothing to do");
        goto out;
    }
    rc = desy_store_score(&evaluation, world, &evaluated, 0, &scores);
    if (rc == DESY_OK) rc = desy_store_score(&evaluation, world, &choosers, 0, &validation);
    if (rc == DESY_OK && desy_eval_settings.versus) rc = score_rival(invocation, &evaluation, &evaluated, store, &others, &rival, provenance);
    DESY_TRY(desy_agree(world, rc));
    if (choosers.n > 0) options.validation = &validation;
    if (desy_eval_settings.robustness) {
        const struct desy_robustness robustness = {&evaluation, &evaluated, &choosers, store, model, directory, desy_eval_settings.dataset, desy_eval_settings.weights, desy_eval_settings.device};
        DESY_TRY(desy_robustness_score(invocation, &robustness, &altered, &n_altered));
        options.altered = altered, options.n_altered = n_altered;
    }
    DESY_TRY(desy_known_open(world, evaluation.store, &evaluation.items, evaluated.items, evaluated.n, invocation->seed, strcmp(desy_eval_settings.controls, "all") == 0, &known));
    DESY_TRY(desy_agree(world, desy_thumbnails_open(&thumbnails, evaluation.store, store, &evaluation.items, evaluated.items)));
    known.of_model = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(provenance, "training_part_as_in_training"));
    known.draw = desy_thumbnails_draw, known.context = thumbnails;
    options.known = &known;
    DESY_TRY(desy_eval_report(invocation, &scores, &options));
out:
    desy_robustness_close(altered, n_altered);
    desy_thumbnails_close(&thumbnails);
    desy_known_close(&known);
    desy_scores_close(&scores);
    desy_scores_close(&validation);
    desy_scores_close(&others);
    desy_items_close(&evaluation.items);
    desy_classifier_close(&evaluation.classifier);
    desy_store_close(&evaluation.store);
    cJSON_Delete(provenance);
    free(evaluated.items);
    free(choosers.items);
    free(subject);
    return rc;
}
