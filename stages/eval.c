/* desy eval: a store and a model, or anybody's scores, to a report. */
#include "stages/commands.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "eval/hardest.h"
#include "eval/parts.h"
#include "eval/report.h"
#include "eval/versus.h"
#include "features/store.h"
#include "model/model.h"
#include "stages/default_model.h"
#include "stages/known.h"
#include "stages/lodo.h"
#include "stages/prevalence.h"
#include "stages/thumbnails.h"
#include "train/detector.h"
#include "train/items.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESAMPLES 2000

static struct {
    const char *model, *scores, *split, *level, *device, *threshold, *protocol, *versus, *controls, *lodo;
    double false_alarms, prior;
    int unlabelled, resamples, thumbnails;
} settings = {.false_alarms = 1, .prior = .5, .resamples = RESAMPLES, .thumbnails = DESY_HARDEST, .controls = "all", .split = "test", .level = "all", .device = "auto", .protocol = "holdout"};

const struct poptOption desy_eval_options[] = {
    {"model", 'm', POPT_ARG_STRING, &settings.model, 0, "a model directory, or a save directory (its current version)", "MODEL"},
    {"scores", 0, POPT_ARG_STRING, &settings.scores, 0, "a report from these scores, no model: CSV, JSON Lines or HDF5 with id,label,score", "FILE"},
    {"split", 0, POPT_ARG_STRING, &settings.split, 0, "which part of the store (default test)", "test|val|all"},
    {"level", 0, POPT_ARG_STRING, &settings.level, 0, "all levels together, or one (default all)", "all|low|mid|high"},
    {"threshold", 't', POPT_ARG_STRING, &settings.threshold, 0, "called AI-generated from this score on (default: the model's; .5 for --scores)", "T"},
    {"device", 0, POPT_ARG_STRING, &settings.device, 0, "auto, cpu or cuda (default auto)", "D"},
    {"bootstrap", 0, POPT_ARG_INT, &settings.resamples, 0, "resamples that intervals are made of; 0: none (default 2000)", "N"},
    POPT_TABLEEND,
};

/* `desy run` has a model and a part, and does not offer these. */
const struct poptOption desy_eval_command_options[] = {
    {"protocol", 0, POPT_ARG_STRING, &settings.protocol, 0, "holdout: one model on one part; lodo: models fitted without a generator and a group of real sources (docs/evaluation.md)", "holdout|lodo"},
    {"versus", 0, POPT_ARG_STRING, &settings.versus, 0, "compare with this one on the same clips: another model, or with --scores another file", "OTHER"},
    {"false-alarms", 0, POPT_ARG_DOUBLE, &settings.false_alarms, 0, "of --protocol lodo: as of train (default 1)", "R"},
    {"unlabelled", 0, POPT_ARG_NONE, &settings.unlabelled, 0, "of --scores without labels: how many of the clips are AI-generated? (prevalence.json)", NULL},
    {"prior", 0, POPT_ARG_DOUBLE, &settings.prior, 0, "of --unlabelled: the share of AI-generated clips that the scores were calibrated for (default 0.5)", "P"},
    {"controls", 0, POPT_ARG_STRING, &settings.controls, 0, "all: what else the score may go by (docs/evaluation.md); none: not looked for (default all)", "none|all"},
    {"lodo", 0, POPT_ARG_STRING, &settings.lodo, 0, "quote this lodo.json of --protocol lodo among the controls (default: the one in REPORT, if there is one)", "FILE"},
    {"thumbnails", 0, POPT_ARG_INT, &settings.thumbnails, 0, "of a store: pictures of so many of the hardest clips of either kind, 0 to 20 (default 20)", "N"},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desy_eval_options, 0, NULL, NULL},
    POPT_TABLEEND,
};

static const char *const level_names[3] = {"low", "mid", "high"};

/* *level: -1 for all. */
static int parse_settings(int *level, double *threshold, const char **threshold_from)
{
    enum desy_split_part part;
    char *end = NULL;
    *level = -1;
    for (int l = 0; l < 3; l++)
        if (strcmp(settings.level, level_names[l]) == 0) *level = l;
    if (*level < 0 && strcmp(settings.level, "all") != 0) return desy_error(DESY_EUSAGE, "--level must be all, low, mid or high, not %s", settings.level);
    if (strcmp(settings.split, "all") != 0 && (desy_split_parse(&part, settings.split) != DESY_OK || (part != DESY_SPLIT_TEST && part != DESY_SPLIT_VAL)))
        return desy_error(DESY_EUSAGE, "--split must be test, val or all, not %s", settings.split);
    if (settings.resamples < 0 || settings.resamples > 1000000) return desy_error(DESY_EUSAGE, "--bootstrap must lie in 0 to 1000000, not %d", settings.resamples);
    if (strcmp(settings.controls, "all") != 0 && strcmp(settings.controls, "none") != 0) return desy_error(DESY_EUSAGE, "--controls must be none or all, not %s", settings.controls);
    if (settings.thumbnails < 0 || settings.thumbnails > DESY_HARDEST) return desy_error(DESY_EUSAGE, "--thumbnails must lie in 0 to %d, not %d", DESY_HARDEST, settings.thumbnails);
    if (!settings.threshold) return DESY_OK;
    *threshold = strtod(settings.threshold, &end);
    *threshold_from = "option";
    if (end == settings.threshold || *end || !isfinite(*threshold)) return desy_error(DESY_EUSAGE, "--threshold must be a number, not '%s'", settings.threshold);
    return DESY_OK;
}

/* lodo.json, where it is given or stands in the report. Rank 0. */
static int read_lodo(const char *directory, cJSON **lodo)
{
    char *path = settings.lodo ? strdup(settings.lodo) : desy_path_join(directory, "lodo.json");
    int rc = path ? DESY_OK : desy_error_memory("a path");
    if (rc == DESY_OK && (settings.lodo || desy_file_exists(path))) rc = desy_json_read(lodo, path);
    free(path);
    return rc;
}

/* Writes the report and says what came out. Collective; takes an agreed state. */
static int report(struct desy_invocation *invocation, const struct desy_scores *scores, struct desy_report_options *options)
{
    cJSON *summary = NULL, *lodo = NULL;
    options->controls = strcmp(settings.controls, "all") == 0;
    options->thumbnails = settings.thumbnails;
    int rc = desy_agree(invocation->world, desy_rank(invocation->world) == 0 && options->controls ? read_lodo(options->directory, &lodo) : DESY_OK);
    options->lodo = lodo;
    if (rc == DESY_OK) rc = desy_report_write(invocation->world, scores, options, &summary);
    cJSON_Delete(lodo);
    if (rc == DESY_OK && summary) {
        const cJSON *auc = cJSON_GetObjectItemCaseSensitive(summary, "roc_auc"), *interval = cJSON_GetObjectItemCaseSensitive(summary, "roc_auc_ci");
        const cJSON *note, *line;
        if (auc)
            desy_log_info("eval: ROC AUC %.4f (95 %% interval %.4f to %.4f) over %d clips", auc->valuedouble, interval->child->valuedouble,
                          interval->child->next->valuedouble, cJSON_GetObjectItemCaseSensitive(summary, "n")->valueint);
        cJSON_ArrayForEach(note, cJSON_GetObjectItemCaseSensitive(summary, "notes")) desy_log_warning("eval: %s", note->valuestring);
        cJSON_ArrayForEach(line, cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(summary, "versus"), "words"))
            if (!invocation->json && puts(line->valuestring) < 0) rc = desy_error(DESY_EENV, "stdout can't be written");
        const char *verdict = desy_json_text_of(cJSON_GetObjectItemCaseSensitive(summary, "controls"), "verdict");
        if (verdict) desy_log_info("eval: controls: %s", verdict);
        desy_log_info("eval: the report is %s/report.html", options->directory);
        if (invocation->json) {
            char *text = cJSON_PrintUnformatted(summary);
            if (!text) rc = desy_error_memory("the summary");
            else if (puts(text) < 0) rc = desy_error(DESY_EENV, "stdout can't be written");
            free(text);
        }
    }
    cJSON_Delete(summary);
    return desy_agree(invocation->world, rc);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int eval_scores(struct desy_invocation *invocation, const char *file, const char *directory)
{
    int rc, level;
    struct desy_scores scores = {0}, validation = {0}, others = {0}, others_left_out = {0};
    struct desy_parts parts, other_parts;
    char sha256[DESY_SHA256_HEX] = "", note[200];
    cJSON *provenance = cJSON_CreateObject();
    struct desy_rival rival = {.scores = &others, .name = settings.versus, .ours = file};
    struct desy_report_options options = {.directory = directory, .threshold = .5, .threshold_from = "default", .seed = invocation->seed, .rival = settings.versus ? &rival : NULL, .subject = base_name(file),
                                          .level = "", .split = "", .provenance = provenance};
    rc = parse_settings(&level, &options.threshold, &options.threshold_from);
    DESY_TRY(desy_agree(invocation->world, rc));
    DESY_TRY(desy_scores_read(invocation->world, &scores, file, true));
    if (settings.versus) DESY_TRY(desy_scores_read(invocation->world, &others, settings.versus, true));
    if (desy_rank(invocation->world) == 0) rc = desy_sha256_file(sha256, file); /* whose provenance counts */
    if (rc == DESY_OK && (!cJSON_AddStringToObject(provenance, "desy", DESY_VERSION) || !cJSON_AddStringToObject(provenance, "scores", base_name(file))
                          || !cJSON_AddStringToObject(provenance, "scores_sha256", sha256)))
        rc = desy_error_memory("the provenance");
    options.resamples = (size_t)settings.resamples; /* checked by now */
    rival.threshold = options.threshold;
    if (rc == DESY_OK && settings.versus && desy_rank(invocation->world) == 0) rc = desy_sha256_file(sha256, settings.versus);
    if (rc == DESY_OK && settings.versus && (!cJSON_AddStringToObject(provenance, "versus", base_name(settings.versus)) || !cJSON_AddStringToObject(provenance, "versus_sha256", sha256)))
        rc = desy_error_memory("the provenance");
    DESY_TRY(desy_agree(invocation->world, rc));
    DESY_TRY(desy_scores_divide(invocation->world, &scores, &validation, &parts));
    if (settings.versus) DESY_TRY(desy_scores_divide(invocation->world, &others, &others_left_out, &other_parts));
    if (parts.validation > 0 && parts.test > 0) {
        snprintf(note, sizeof note, "Of the file, the %lld rows of the split test are evaluated, and the %lld of val choose thresholds and recalibration; %lld others are left out.",
                 (long long)parts.test, (long long)parts.validation, (long long)parts.others);
        options.split = "test", options.validation = &validation, options.note = note;
    }
    DESY_TRY(report(invocation, &scores, &options));
out:
    desy_scores_close(&scores);
    desy_scores_close(&validation);
    desy_scores_close(&others);
    desy_scores_close(&others_left_out);
    cJSON_Delete(provenance);
    return rc;
}

/* ---- a store and a model ---- */

struct evaluation {
    desy_store *store;
    desy_detector *detector;
    struct desy_items items;
    int level;        /* -1: all */
};

/* Indices of items. */
struct chosen {
    uint64_t *items;
    size_t n;
};

/* The model must fit the store. */
static int check_fit(const struct evaluation *evaluation, const char *store, const char *model, bool first)
{
    const char *made = desy_store_extractor(evaluation->store), *wanted = desy_detector_extractor(evaluation->detector);
    if (strcmp(made, wanted) != 0)
        return desy_error(DESY_EDATA, "%s holds features of the extractor %s, but the model %s was trained on those of %s", store, made, model, wanted);
    if (desy_store_dims(evaluation->store) != desy_detector_dims(evaluation->detector))
        return desy_error(DESY_EDATA, "%s has features of %d dimensions (%s), the model %s takes %d (%s)", store, desy_store_dims(evaluation->store), made, model,
                          desy_detector_dims(evaluation->detector), wanted);
    if (desy_store_frames(evaluation->store) != desy_detector_frames(evaluation->detector))
        return desy_error(DESY_EDATA, "%s has %d frames a clip (%s), the model %s takes %d (%s); extract with --frames %d", store, desy_store_frames(evaluation->store), made,
                          model, desy_detector_frames(evaluation->detector), wanted, desy_detector_frames(evaluation->detector));
    const char *version = desy_store_attribute(evaluation->store, "extractor_version"), *weights = desy_store_attribute(evaluation->store, "weights_sha256");
    if (version && atoi(version) != desy_detector_extractor_version(evaluation->detector))
        return desy_error(DESY_EDATA, "%s holds features of version %s of the extractor %s, the model %s was trained on version %d: extract again, or train again", store, version, made,
                          model, desy_detector_extractor_version(evaluation->detector));
    if (weights && *weights && *desy_detector_weights_sha256(evaluation->detector) && strcmp(weights, desy_detector_weights_sha256(evaluation->detector)) != 0)
        return desy_error(DESY_EDATA, "%s holds features by other weights of the extractor %s than the model %s was trained on: extract with those, or train again", store, made, model);
    const struct desy_store_shape *shape = desy_store_shape(evaluation->store);
    if (desy_detector_reads(evaluation->detector, DESY_READS_CROPS) && !shape->crops) return desy_error(DESY_EDATA, "%s has no crops, which the model %s reads: extract with --crops", store, model);
    if (desy_detector_reads(evaluation->detector, DESY_READS_AUDIO) && !shape->audio) return desy_error(DESY_EDATA, "%s has no sound, which the model %s reads: extract with --audio", store, model);
    const char *precision = desy_store_attribute(evaluation->store, "precision"), *trained = desy_detector_precision(evaluation->detector);
    if (first && precision && strcmp(precision, trained) != 0)
        desy_log_warning("%s holds features in %s, the model %s was trained on features in %s: scores move a little", store, precision, model, trained);
    return DESY_OK;
}

static int open_both(struct evaluation *evaluation, struct desy_invocation *invocation, const char *store, const char *model)
{
    char device[16];
    int rc = DESY_OK;
    DESY_TRY(desy_store_open(&evaluation->store, store));
    DESY_TRY(desy_torch_device(device, settings.device, desy_local_rank(invocation->world)));
    DESY_TRY(desy_detector_open(&evaluation->detector, model, device));
    DESY_TRY(check_fit(evaluation, store, model, desy_rank(invocation->world) == 0));
out:
    return rc;
}

/* Those of a part that have a label; all: of every part. */
static int choose_items(const struct evaluation *evaluation, bool all, enum desy_split_part part, struct chosen *chosen)
{
    chosen->items = malloc((evaluation->items.count + 1) * sizeof *chosen->items);
    if (!chosen->items) return desy_error_memory("the items of the split");
    for (size_t i = 0; i < evaluation->items.count; i++)
        if (evaluation->items.split[i].label >= 0 && (all || evaluation->items.split[i].part == part)) chosen->items[chosen->n++] = i;
    return DESY_OK;
}

/* What is evaluated, and, beside the test part, the validation part. */
static int choose_parts(const struct evaluation *evaluation, struct chosen *evaluated, struct chosen *validation)
{
    enum desy_split_part part = DESY_SPLIT_NONE;
    const bool all = strcmp(settings.split, "all") == 0;
    int rc = all ? DESY_OK : desy_split_parse(&part, settings.split);
    if (rc == DESY_OK) rc = choose_items(evaluation, all, part, evaluated);
    if (rc == DESY_OK && evaluated->n == 0) rc = desy_error(DESY_EDATA, "the store has no labelled video in the %s part; try --split all", settings.split);
    if (rc == DESY_OK && part == DESY_SPLIT_TEST) rc = choose_items(evaluation, false, DESY_SPLIT_VAL, validation);
    return rc;
}

/* Arrays of one clip; NULL: the model does not read it. */
struct arrays {
    float *features;
    uint8_t *crops;
    int16_t *audio;
};

static int open_arrays(struct arrays *arrays, const struct evaluation *evaluation)
{
    const bool crops = desy_detector_reads(evaluation->detector, DESY_READS_CROPS), audio = desy_detector_reads(evaluation->detector, DESY_READS_AUDIO);
    *arrays = (struct arrays){malloc((size_t)desy_store_frames(evaluation->store) * (size_t)desy_store_dims(evaluation->store) * sizeof(float)),
                              crops ? malloc(DESY_CROPS * DESY_INPUT_SIDE * DESY_INPUT_SIDE * 3) : NULL, audio ? malloc(DESY_AUDIO_SAMPLES * sizeof(int16_t)) : NULL};
    return arrays->features && (arrays->crops || !crops) && (arrays->audio || !audio) ? DESY_OK : desy_error_memory("a clip");
}

static void close_arrays(struct arrays *arrays)
{
    free(arrays->features);
    free(arrays->crops);
    free(arrays->audio);
}

static int add_clip(struct evaluation *evaluation, const struct desy_item_clip *clip, const char *text, const struct arrays *arrays, struct desy_score *score)
{
    const size_t row = (size_t)clip->row;
    int rc = desy_store_read_features(evaluation->store, row, 1, arrays->features);
    if (rc == DESY_OK && arrays->crops) rc = desy_store_read_crops(evaluation->store, row, 1, arrays->crops);
    if (rc == DESY_OK && arrays->audio) rc = desy_store_read_audio(evaluation->store, row, 1, arrays->audio);
    if (rc != DESY_OK) return rc;
    return desy_detector_add(evaluation->detector, &(struct desy_clip_numbers){.features = arrays->features, .n_frames = clip->n_frames, .crops = arrays->crops,
        .audio = arrays->audio, .audio_samples = clip->audio_samples, .text = text}, score);
}

/* The mean over the windows of an item that could be read; score->windows 0: none could. */
static int score_windows(struct evaluation *evaluation, uint64_t index, const char *text, const struct arrays *arrays, struct desy_score *score)
{
    const struct desy_items *items = &evaluation->items;
    int rc = DESY_OK;
    *score = (struct desy_score){0};
    for (size_t i = items->first[index]; i < items->first[index + 1]; i++) {
        const struct desy_item_clip *clip = &items->clips[i];
        if (clip->row < 0 || clip->view > 0) continue; /* other views are for training alone */
        DESY_TRY(add_clip(evaluation, clip, text, arrays, score));
    }
    if (score->windows > 0) rc = desy_detector_finish(evaluation->detector, score);
out:
    return rc;
}

/* One item: its row, with scores if it could be read. */
static int score_item(struct evaluation *evaluation, uint64_t index, const struct arrays *arrays, struct desy_scores *scores)
{
    struct desy_store_row stored = {0};
    struct desy_score score;
    char id[17];
    int rc = desy_store_read_rows(evaluation->store, evaluation->items.first[index], 1, &stored);
    if (rc != DESY_OK) return rc;
    snprintf(id, sizeof id, "%016llx", (unsigned long long)stored.id);
    struct desy_score_row row = {.id = id, .video_path = stored.video_path, .source = stored.source, .group = stored.group, .label = stored.label,
                                 .split = desy_split_name(evaluation->items.split[index].part), .score = NAN, .level = {NAN, NAN, NAN}};
    DESY_TRY(score_windows(evaluation, index, stored.text, arrays, &score));
    if (score.windows > 0) {
        row.level[0] = score.low, row.level[1] = score.mid, row.level[2] = score.high;
        row.score = evaluation->level < 0 ? desy_confidence(score.logit, .5) : row.level[evaluation->level];
        if (isnan(row.score)) DESY_TRY(desy_error(DESY_EDATA, "the model has no level %s", settings.level));
    }
    rc = desy_scores_append(scores, &row);
out:
    desy_store_row_free(&stored);
    return rc;
}

/* This rank's contiguous share of the chosen items. */
static int score_share(struct evaluation *evaluation, const struct chosen *chosen, const desy_world *world, struct desy_scores *scores)
{
    uint64_t first, count;
    struct arrays arrays;
    int rc = open_arrays(&arrays, evaluation);
    desy_scores_share(chosen->n, desy_rank(world), desy_size(world), &first, &count);
    for (uint64_t i = first; i < first + count && rc == DESY_OK; i++) rc = score_item(evaluation, chosen->items[i], &arrays, scores);
    close_arrays(&arrays);
    return rc;
}

static int describe(const struct evaluation *evaluation, const char *store, cJSON *provenance)
{
    char trained[DESY_SHA256_HEX], index[DESY_SHA256_HEX], *path = desy_path_join(store, "index.h5");
    const desy_detector *detector = evaluation->detector;
    int rc = path ? desy_training_sha256(&evaluation->items, trained) : desy_error_memory("a path");
    if (rc == DESY_OK) rc = desy_sha256_file(index, path);
    free(path);
    if (rc != DESY_OK) return rc;
    const bool same = strcmp(trained, desy_detector_training_sha256(detector)) == 0;
    if (!same)
        desy_log_warning("eval: the training part of this store is not what the model was trained on: if it saw some of these clips, the figures flatter it");
    return cJSON_AddStringToObject(provenance, "desy", DESY_VERSION) && cJSON_AddStringToObject(provenance, "model", desy_detector_name(detector))
                   && cJSON_AddStringToObject(provenance, "model_sha256", desy_detector_sha256(detector))
                   && cJSON_AddStringToObject(provenance, "extractor", desy_store_extractor(evaluation->store))
                   && cJSON_AddStringToObject(provenance, "index_sha256", index)
                   && cJSON_AddStringToObject(provenance, "trained_on_content_sha256", desy_detector_data_sha256(detector))
                   && cJSON_AddNumberToObject(provenance, "seed", (double)desy_detector_seed(detector))
                   && cJSON_AddBoolToObject(provenance, "training_part_as_in_training", same)
               ? DESY_OK
               : desy_error_memory("the provenance");
}

/* The same clips by another model. */
static int score_rival(struct desy_invocation *invocation, const struct evaluation *evaluation, const struct chosen *evaluated, const char *store, struct desy_scores *scores,
                       struct desy_rival *rival, cJSON *provenance)
{
    struct evaluation other = *evaluation; /* all but the detector */
    char device[16];
    int rc = DESY_OK;
    other.detector = NULL;
    DESY_TRY(desy_torch_device(device, settings.device, desy_local_rank(invocation->world)));
    DESY_TRY(desy_detector_open(&other.detector, settings.versus, device));
    DESY_TRY(check_fit(&other, store, settings.versus, desy_rank(invocation->world) == 0));
    DESY_TRY(score_share(&other, evaluated, invocation->world, scores));
    if (!cJSON_AddStringToObject(provenance, "versus", desy_detector_name(other.detector)) || !cJSON_AddStringToObject(provenance, "versus_sha256", desy_detector_sha256(other.detector)))
        DESY_TRY(desy_error_memory("the provenance"));
    rival->threshold = settings.threshold ? strtod(settings.threshold, NULL) : other.level < 0 ? desy_detector_threshold(other.detector) : .5;
out:
    desy_detector_close(&other.detector);
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
                && (isnan(desy_json_number_of(metrics, "roc_auc"))
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
    struct evaluation evaluation = {.level = -1};
    struct chosen evaluated = {0}, choosers = {0};
    struct desy_scores scores = {0}, validation = {0}, others = {0};
    struct desy_rival rival = {.scores = &others, .name = settings.versus, .ours = model};
    struct desy_known known = {0};
    desy_thumbnails *thumbnails = NULL;
    char *subject = NULL;
    bool done = false;
    cJSON *provenance = cJSON_CreateObject();
    struct desy_report_options options = {.directory = directory, .level = settings.level, .split = settings.split, .seed = invocation->seed, .provenance = provenance,
                                          .resamples = (size_t)settings.resamples, .rival = settings.versus ? &rival : NULL};

    int rc = parse_settings(&evaluation.level, &options.threshold, &options.threshold_from);
    if (rc == DESY_OK) rc = open_both(&evaluation, invocation, store, model);
    DESY_TRY(desy_agree(world, rc));
    DESY_TRY(desy_items_read(world, evaluation.store, desy_detector_seed(evaluation.detector), false, &evaluation.items));
    rc = choose_parts(&evaluation, &evaluated, &choosers);
    if (rc == DESY_OK) rc = describe(&evaluation, store, provenance);
    subject = desy_format("Model %s, level %s, on %s%s of %s", desy_detector_name(evaluation.detector), settings.level,
                          strcmp(settings.split, "all") == 0 ? "all" : settings.split, strcmp(settings.split, "all") == 0 ? "" : " part", base_name(store));
    if (rc == DESY_OK && !subject) rc = desy_error_memory("a title");
    if (!options.threshold_from) {
        options.threshold = evaluation.level < 0 ? desy_detector_threshold(evaluation.detector) : .5;
        options.threshold_from = evaluation.level < 0 ? "validation" : "default";
    }
    options.subject = subject;
    options.model = desy_detector_model(evaluation.detector);
    if (evaluation.level < 0) options.out_of_fold = desy_detector_out_of_fold(evaluation.detector);
    DESY_TRY(desy_agree(world, rc));
    done = unless_done && desy_rank(world) == 0 && is_done(&options);
    desy_broadcast(world, &done, sizeof done, 0);
    if (done) {
        desy_log_info("eval: the report is of this model and this store already: nothing to do");
        goto out;
    }
    rc = score_share(&evaluation, &evaluated, world, &scores);
    if (rc == DESY_OK) rc = score_share(&evaluation, &choosers, world, &validation);
    if (rc == DESY_OK && settings.versus) rc = score_rival(invocation, &evaluation, &evaluated, store, &others, &rival, provenance);
    DESY_TRY(desy_agree(world, rc));
    if (choosers.n > 0) options.validation = &validation;
    DESY_TRY(desy_known_open(world, evaluation.store, &evaluation.items, evaluated.items, evaluated.n, invocation->seed, strcmp(settings.controls, "all") == 0, &known));
    DESY_TRY(desy_agree(world, desy_thumbnails_open(&thumbnails, evaluation.store, store, &evaluation.items, evaluated.items)));
    known.of_model = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(provenance, "training_part_as_in_training"));
    known.draw = desy_thumbnails_draw, known.context = thumbnails;
    options.known = &known;
    DESY_TRY(report(invocation, &scores, &options));
out:
    desy_thumbnails_close(&thumbnails);
    desy_known_close(&known);
    desy_scores_close(&scores);
    desy_scores_close(&validation);
    desy_scores_close(&others);
    desy_items_close(&evaluation.items);
    desy_detector_close(&evaluation.detector);
    desy_store_close(&evaluation.store);
    cJSON_Delete(provenance);
    free(evaluated.items);
    free(choosers.items);
    free(subject);
    return rc;
}

int desy_eval_command(struct desy_invocation *invocation)
{
    if (!invocation->output) return desy_error(DESY_EUSAGE, "eval needs -o REPORT, the directory to write to");
    if (settings.scores) {
        if (invocation->argument_count > 0 || settings.model || strcmp(settings.split, "test") != 0 || strcmp(settings.level, "all") != 0 || strcmp(settings.protocol, "holdout") != 0 ||
            settings.false_alarms != 1)
            return desy_error(DESY_EUSAGE, "eval --scores takes no store, no --model, --split, --level, --protocol and --false-alarms: the file says it all");
        if (!settings.unlabelled) return settings.prior == .5 ? eval_scores(invocation, settings.scores, invocation->output) : desy_error(DESY_EUSAGE, "--prior goes with --unlabelled");
        if (settings.threshold) return desy_error(DESY_EUSAGE, "eval --unlabelled estimates a share from probabilities, and takes no --threshold");
        if (!(settings.prior > 0 && settings.prior < 1)) return desy_error(DESY_EUSAGE, "--prior must lie between 0 and 1");
        return desy_prevalence_stage(invocation, settings.scores, invocation->output, settings.prior);
    }
    if (settings.unlabelled || settings.prior != .5) return desy_error(DESY_EUSAGE, "--unlabelled and its --prior go with --scores FILE");
    if (invocation->argument_count != 1) return desy_error(DESY_EUSAGE, "eval takes one store (desy eval STORE --model MODEL -o REPORT), or --scores FILE");
    if (strcmp(settings.protocol, "lodo") == 0) {
        if (settings.model || strcmp(settings.split, "test") != 0 || strcmp(settings.level, "all") != 0 || settings.threshold || settings.versus ||
            settings.resamples != RESAMPLES || settings.lodo)
            return desy_error(DESY_EUSAGE, "eval --protocol lodo fits its own models, on all parts: it takes no --model, --split, --level, --threshold, --bootstrap, --versus and --lodo");
        if (!(settings.false_alarms >= 0 && settings.false_alarms <= 1)) return desy_error(DESY_EUSAGE, "--false-alarms must lie in [0, 1], not %g", settings.false_alarms);
        return desy_lodo_stage(invocation, invocation->arguments[0], invocation->output, settings.false_alarms);
    }
    if (strcmp(settings.protocol, "holdout") != 0) return desy_error(DESY_EUSAGE, "--protocol must be holdout or lodo, not %s", settings.protocol);
    if (settings.false_alarms != 1) return desy_error(DESY_EUSAGE, "--false-alarms goes with --protocol lodo: of a model that is there, its threshold was chosen in training");
    char *model = NULL;
    int rc = desy_model_or_default(&model, settings.model);
    if (rc == DESY_OK) rc = desy_eval_stage(invocation, invocation->arguments[0], model, invocation->output, false);
    free(model);
    return rc;
}
