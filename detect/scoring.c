#include "detect/scoring_state.h"

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "detect/default_model.h"
#include "features/encoder.h"
#include "features/extract_config.h"
#include "model/model.h"
#include "train/explanation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const level_names[] = {"low", "mid", "high"};

const char *desy_scoring_audio_file(const struct desy_scoring_settings *settings)
{
    return settings->audio && strcmp(settings->audio, "auto") != 0 && strcmp(settings->audio, "none") != 0 ? settings->audio : NULL;
}

/* Checks the settings, and keeps of them what is used after the opening. */
static int take_settings(struct desy_scoring *scoring, const struct desy_scoring_settings *settings)
{
    scoring->settings = *settings;
    scoring->threshold = settings->threshold;
    scoring->level = -1;
    if (settings->level && strcmp(settings->level, "all") != 0) {
        for (int i = 0; i < 3; i++)
            if (strcmp(settings->level, level_names[i]) == 0) scoring->level = i;
        if (scoring->level < 0) return desy_error(DESY_EUSAGE, "--level is low, mid, high or all, not '%s'", settings->level);
    }
    if (!(settings->prior > 0 && settings->prior < 1)) return desy_error(DESY_EUSAGE, "--prior must lie between 0 and 1");
    if (!isnan(settings->threshold) && !(settings->threshold >= 0 && settings->threshold <= 1))
        return desy_error(DESY_EUSAGE, "--threshold must be a number from 0 to 1, not %g", settings->threshold);
    if (settings->windows < 1 || settings->windows > DESY_MAX_WINDOWS) return desy_error(DESY_EUSAGE, "--windows must be 1 to %d, not %d", DESY_MAX_WINDOWS, settings->windows);
    if (settings->batch_clips < 0 || settings->batch_clips > DESY_MOST_BATCH_CLIPS) return desy_error(DESY_EUSAGE, "--batch-clips must be 0 (default) to %d, not %d", DESY_MOST_BATCH_CLIPS, settings->batch_clips);
    if (settings->threads < 1 || settings->workers < 0 || !(settings->deadline > 0))
        return desy_error(DESY_EUSAGE, "--threads must be at least 1, --num-workers not negative, --deadline above 0");
    scoring->settings.timeline |= settings->explain;
    if (settings->audio && !*settings->audio) return desy_error(DESY_EUSAGE, "--audio is auto, none, or a file");
    if (desy_scoring_audio_file(settings) && !desy_file_exists(settings->audio)) return desy_error(DESY_EDATA, "%s: there is no such sound file", settings->audio);
    scoring->settings.audio = scoring->audio = settings->audio ? strdup(settings->audio) : NULL;
    scoring->settings.text = scoring->text = settings->text ? strdup(settings->text) : NULL;
    return (settings->audio && !scoring->audio) || (settings->text && !scoring->text) ? desy_error_memory("the settings") : DESY_OK;
}

static void warn_of_nothing_to_do(const struct desy_scoring_settings *settings, const desy_classifier *classifier)
{
    if (desy_scoring_audio_file(settings) && !desy_classifier_reads(classifier, DESY_READS_AUDIO)) desy_log_warning("model %s has no channel that hears: --audio changes nothing", desy_classifier_name(classifier));
    if (settings->text && !desy_classifier_reads(classifier, DESY_READS_TEXT)) desy_log_warning("model %s has no channel that reads a text: --text changes nothing", desy_classifier_name(classifier));
}

/* That of the model: one of the table, or a file that --weights must name. */
static int choose_extractor(struct desy_scoring *scoring)
{
    const char *name = desy_classifier_extractor(scoring->classifier), *model = desy_classifier_name(scoring->classifier);
    if (desy_extractor_find(&scoring->extractor, name) == DESY_OK) return DESY_OK;
    const char *weights = scoring->settings.weights;
    if (!weights || !desy_is_torchscript(weights))
        return desy_error(DESY_EUSAGE, "model %s was trained on features of the TorchScript encoder '%s': name its file by --weights FILE.pt, with --allow-code", model, name);
    scoring->extractor = &scoring->torchscript.extractor;
    return desy_torchscript_extractor(&scoring->torchscript, weights, desy_classifier_dims(scoring->classifier));
}

/* Features of other weights than the model was trained on give scores that mean nothing. */
static int check_weights(const struct desy_scoring *scoring)
{
    int rc = DESY_OK;
    const char *trained = desy_classifier_weights_sha256(scoring->classifier), *here = cJSON_GetStringValue(cJSON_GetObjectItem(scoring->config, "weights_sha256"));
    if (scoring->extractor->version != desy_classifier_extractor_version(scoring->classifier))
        rc = desy_error(DESY_EDATA, "model %s was trained on version %d of the extractor %s, this program has version %d: train again", desy_classifier_name(scoring->classifier),
                        desy_classifier_extractor_version(scoring->classifier), scoring->extractor->name, scoring->extractor->version);
    if (rc == DESY_OK && *trained && here && strcmp(trained, here) != 0)
        rc = desy_error(DESY_EDATA, "model %s was trained on other weights of the extractor %s than those here: name them by --weights",
                        desy_classifier_name(scoring->classifier), scoring->extractor->name);
    if (rc == DESY_OK && !scoring->settings.mute && strcmp(scoring->settings.precision, desy_classifier_precision(scoring->classifier)) != 0)
        desy_log_warning("model %s was trained on features in %s, those here are computed in %s: scores move a little (--precision)",
                         desy_classifier_name(scoring->classifier), desy_classifier_precision(scoring->classifier), scoring->settings.precision);
    return rc;
}

/* A model that was trained on one level has no others to score by. */
static int check_level(const struct desy_scoring *scoring)
{
    const cJSON *channel, *channels = cJSON_GetObjectItemCaseSensitive(desy_classifier_model(scoring->classifier), "channels");
    if (scoring->level < 0) return DESY_OK;
    cJSON_ArrayForEach(channel, channels)
    {
        const char *level = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(channel, "level"));
        if (level && strcmp(level, level_names[scoring->level]) == 0) return DESY_OK;
    }
    return desy_error(DESY_EUSAGE, "model %s has no level %s (desy fusion-weights shows those it has)", desy_classifier_name(scoring->classifier), level_names[scoring->level]);
}

int desy_scoring_open(desy_scoring **out, const struct desy_scoring_settings *settings)
{
    int rc;
    char device[16], *model = NULL;
    enum desy_precision precision;
    struct desy_scoring *scoring = *out = calloc(1, sizeof *scoring);
    if (!scoring) return desy_error_memory("scoring");
    DESY_TRY(take_settings(scoring, settings));
    DESY_TRY(desy_precision_parse(&precision, settings->precision));
    DESY_TRY(desy_torch_device(device, settings->device ? settings->device : "auto", settings->local_rank));
    DESY_TRY(desy_model_or_default(&model, settings->model));
    DESY_TRY(desy_classifier_open(&scoring->classifier, model, device));
    DESY_TRY(check_level(scoring));
    if (isnan(settings->threshold)) scoring->threshold = desy_classifier_threshold(scoring->classifier);
    DESY_TRY(choose_extractor(scoring));
    DESY_TRY(desy_extractor_check_precision(scoring->extractor, precision));
    const struct desy_extractor_options options = {.weights = settings->weights, .dims = scoring->extractor->dims, .device = device, .precision = precision,
        .frames = desy_classifier_frames(scoring->classifier), .clips = settings->batch_clips ? settings->batch_clips : desy_default_batch_clips(device), .threads = settings->threads, .allow_code = settings->allow_code};
    DESY_TRY(scoring->extractor->open(&scoring->state, &options));
    scoring->batch_clips = desy_encoder_clips(scoring->extractor->encoder(scoring->state));
    if (scoring->batch_clips < options.clips && !settings->mute)
        desy_log_warning("the memory of the device does not hold a batch of %d clips: they go through the network %d at once", options.clips, scoring->batch_clips);
    scoring->request = (struct desy_clip_request){.frames = options.frames, .windows = settings->windows, .transform = scoring->extractor->transform(scoring->state),
        .forensic = scoring->extractor->forensic,
        .crops = desy_classifier_reads(scoring->classifier, DESY_READS_CROPS), .audio = desy_classifier_reads(scoring->classifier, DESY_READS_AUDIO) && !(settings->audio && strcmp(settings->audio, "none") == 0)};
    DESY_TRY(desy_sampling_parse(&scoring->request.sampling, desy_classifier_sampling(scoring->classifier)));
    DESY_TRY(desy_extract_config(&scoring->config, scoring->extractor, scoring->state, &scoring->request, 0));
    DESY_TRY(check_weights(scoring));
    if (!settings->mute) warn_of_nothing_to_do(settings, scoring->classifier);
    const struct desy_batches_options batches = {scoring->extractor, scoring->state, .crops = scoring->request.crops, .rgb = true, .deliver = desy_scoring_deliver, .context = scoring};
    DESY_TRY(desy_batches_open(&scoring->batches, &batches));
    DESY_TRY(desy_helper_pool_open(&scoring->helpers, settings->workers ? settings->workers : desy_helpers_beside(device, desy_cpu_available()), settings->deadline));
    desy_helper_pool_use(scoring->helpers, settings->spawner);
    scoring->settings.model = scoring->settings.level = scoring->settings.weights = scoring->settings.device = scoring->settings.precision = NULL; /* the caller's */
out:
    free(model);
    return rc;
}

int desy_scoring_submit(desy_scoring *scoring, const struct desy_scoring_video *video)
{
    struct desy_clip_request request = scoring->request;
    const char *audio = desy_scoring_audio_file(&scoring->settings);
    if (scoring->queued == scoring->room) {
        size_t room = scoring->room ? 2 * scoring->room : 16;
        struct desy_queued_video *ring = calloc(room, sizeof *ring);
        if (!ring) return desy_error_memory("the queue of videos");
        for (size_t i = 0; i < scoring->queued; i++) ring[i] = scoring->videos[(scoring->first + i) % scoring->room];
        free(scoring->videos);
        scoring->videos = ring, scoring->room = room, scoring->first = 0;
    }
    struct desy_queued_video *queued = &scoring->videos[(scoring->first + scoring->queued) % scoring->room];
    const bool explain = video->explain || scoring->settings.explain, timeline = explain || video->timeline || scoring->settings.timeline;
    *queued = (struct desy_queued_video){.shown = strdup(video->shown), .text = strdup(scoring->settings.text ? scoring->settings.text : video->text),
        .timeline = timeline ? cJSON_CreateArray() : NULL, .reasons = explain || video->reasons, .requests = 1 + timeline};
    scoring->queued++;
    if (!queued->shown || !queued->text || (timeline && !queued->timeline)) return desy_error_memory("the name of a video");
    desy_clip_request_paths(&request, video->path, audio ? audio : video->audio_path);
    int rc = desy_helper_submit(scoring->helpers, &request);
    request.windows = DESY_MAX_WINDOWS; /* those of the timeline are clips of their own: the score stays what it is without it */
    return rc == DESY_OK && timeline ? desy_helper_submit(scoring->helpers, &request) : rc;
}

static double prior_logit(const desy_scoring *scoring)
{
    return log(scoring->settings.prior) - log1p(-scoring->settings.prior);
}

/* The logit that the confidence is made of, at prior .5. */
double desy_scoring_logit(const desy_scoring *scoring, const struct desy_score *score)
{
    const double levels[] = {score->low, score->mid, score->high};
    return scoring->level < 0 ? score->logit : log(levels[scoring->level]) - log1p(-levels[scoring->level]);
}

/* The fields of a readable video. */
static void add_scores(cJSON *result, const desy_scoring *scoring, const struct desy_score *score, const struct desy_reliability *seen)
{
    const double levels[] = {score->low, score->mid, score->high};
    double logit = desy_scoring_logit(scoring, score), confidence = desy_confidence(logit, scoring->settings.prior);
    char text[DESY_RELIABILITY_TEXT];
    const bool reliable = desy_reliability_judge(text, seen, scoring->classifier, score, logit + prior_logit(scoring), scoring->threshold, scoring->level >= 0);
    if (scoring->settings.abstain && !reliable) cJSON_AddNullToObject(result, "is_ai_generated");
    else cJSON_AddBoolToObject(result, "is_ai_generated", confidence >= scoring->threshold);
    cJSON_AddNumberToObject(result, "confidence", confidence);
    cJSON_AddNumberToObject(result, "logit", logit);
    cJSON_AddNumberToObject(result, "prior", scoring->settings.prior);
    cJSON_AddNumberToObject(result, "threshold", scoring->threshold);
    cJSON *features = cJSON_AddObjectToObject(result, "feature_scores"), *channels;
    for (int i = 0; i < 3; i++)
        if (isfinite(levels[i])) cJSON_AddNumberToObject(features, level_names[i], levels[i]);
    channels = cJSON_AddObjectToObject(result, "channels");
    for (int i = 0; i < score->channels; i++) {
        const char *name = desy_classifier_channel(scoring->classifier, i);
        if (isfinite(score->channel_logits[i])) cJSON_AddNumberToObject(channels, name, score->channel_logits[i]);
        else cJSON_AddNullToObject(channels, name); /* the clip has not what it reads */
    }
    cJSON_AddNumberToObject(result, "windows", score->windows);
    cJSON_AddStringToObject(result, "model", desy_classifier_name(scoring->classifier));
    cJSON_AddBoolToObject(result, "calibrated", desy_classifier_calibrated(scoring->classifier));
    cJSON_AddStringToObject(result, "reliability", text);
    if (!scoring->settings.abstain) return;
    cJSON_AddBoolToObject(result, "abstained", !reliable);
    if (!reliable) cJSON_AddStringToObject(result, "abstain_reason", text);
}

/* Of the timeline, the windows with the highest and the lowest score. */
static void add_seconds(cJSON *explanation, const cJSON *timeline)
{
    const cJSON *window, *highest = NULL, *lowest = NULL;
    cJSON_ArrayForEach(window, timeline)
    {
        const double score = cJSON_GetNumberValue(cJSON_GetObjectItem(window, "score"));
        if (!highest || score > cJSON_GetNumberValue(cJSON_GetObjectItem(highest, "score"))) highest = window;
        if (!lowest || score < cJSON_GetNumberValue(cJSON_GetObjectItem(lowest, "score"))) lowest = window;
    }
    if (!highest) return;
    cJSON *seconds = cJSON_AddObjectToObject(explanation, "seconds");
    cJSON_AddItemToObject(seconds, "highest", cJSON_Duplicate(highest, true));
    cJSON_AddItemToObject(seconds, "lowest", cJSON_Duplicate(lowest, true));
}

static int explain(cJSON *result, const desy_scoring *scoring, const struct desy_score *score)
{
    cJSON *explanation = NULL;
    const int rc = desy_classifier_explain(scoring->classifier, score, scoring->level, &explanation);
    if (rc == DESY_OK) add_seconds(explanation, cJSON_GetObjectItem(result, "timeline"));
    if (!cJSON_AddItemToObject(result, "explanation", explanation)) cJSON_Delete(explanation);
    return rc;
}

static void free_video(struct desy_queued_video *video)
{
    free(video->shown);
    free(video->text);
    cJSON_Delete(video->timeline);
    *video = (struct desy_queued_video){0};
}

/* The oldest is queued no more. */
static void drop_video(desy_scoring *scoring)
{
    free_video(&scoring->videos[scoring->first]);
    scoring->first = (scoring->first + 1) % scoring->room;
    scoring->queued--;
    scoring->gone++;
}

int desy_scoring_next(desy_scoring *scoring, cJSON **out)
{
    int rc;
    struct desy_queued_video *video = &scoring->videos[scoring->first];
    const struct desy_outcome *outcome = &video->outcomes[0];
    struct desy_score *score = &video->score;
    cJSON *result = NULL;
    DESY_TRY(desy_scoring_look_at_oldest(scoring));
    result = cJSON_CreateObject();
    if (!result || !cJSON_AddStringToObject(result, "video_path", video->shown) ||
        !cJSON_AddStringToObject(result, "status", desy_status_name(score->windows ? DESY_STATUS_OK : outcome->status)))
        DESY_TRY(desy_error_memory("a result"));
    if (score->windows) {
        add_scores(result, scoring, score, &video->seen);
        if (outcome->reason[0]) cJSON_AddStringToObject(result, "warning", outcome->reason);
        if (video->timeline && cJSON_AddItemToObject(result, "timeline", video->timeline)) video->timeline = NULL;
        if (video->reasons) DESY_TRY(explain(result, scoring, score));
    } else cJSON_AddStringToObject(result, "reason", outcome->reason);
    *out = result, result = NULL;
out:
    cJSON_Delete(result);
    drop_video(scoring);
    return rc;
}

int desy_scoring_ahead(const desy_scoring *scoring)
{
    return scoring->batch_clips == 1 ? 2 : desy_helper_count(scoring->helpers) + 1;
}

uint64_t desy_scoring_calls(const desy_scoring *scoring)
{
    return desy_batches_count(scoring->batches);
}

const desy_classifier *desy_scoring_classifier(const desy_scoring *scoring)
{
    return scoring->classifier;
}

const cJSON *desy_scoring_config(const desy_scoring *scoring)
{
    return scoring->config;
}

int desy_scoring_sha256(const desy_scoring *scoring, char hex[65])
{
    const struct desy_scoring_settings *settings = &scoring->settings;
    const char *audio = desy_scoring_audio_file(settings);
    char *config = cJSON_PrintUnformatted(scoring->config);
    char *text = config ? desy_format("%s %.17g %.17g %d %d%d%d %s %s %s", desy_classifier_sha256(scoring->classifier), scoring->threshold, settings->prior, scoring->level, settings->timeline,
                                    settings->explain, settings->abstain, config, audio ? audio : "", settings->text ? settings->text : "") : NULL;
    int rc = text ? desy_sha256_bytes(hex, text, strlen(text)) : desy_error_memory("the configuration");
    cJSON_free(config);
    free(text);
    return rc;
}

void desy_scoring_interrupt(desy_scoring *scoring)
{
    desy_helper_interrupt(scoring->helpers);
}

static void forget_videos(desy_scoring *scoring)
{
    while (scoring->queued > 0) drop_video(scoring);
    scoring->taking = 2 * scoring->gone;
}

void desy_scoring_clear(desy_scoring *scoring)
{
    desy_helper_pool_clear(scoring->helpers);
    desy_batches_clear(scoring->batches);
    forget_videos(scoring);
}

void desy_scoring_close(desy_scoring **scoring)
{
    struct desy_scoring *s = *scoring;
    if (!s) return;
    desy_helper_pool_close(&s->helpers);
    desy_batches_close(&s->batches);
    if (s->state) s->extractor->close(&s->state);
    desy_classifier_close(&s->classifier);
    forget_videos(s);
    free(s->videos);
    cJSON_Delete(s->config);
    free(s->audio);
    free(s->text);
    free(s);
    *scoring = NULL;
}
