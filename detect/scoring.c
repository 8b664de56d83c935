#include "detect/scoring.h"

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "detect/default_model.h"
#include "detect/reliability.h"
#include "features/extract_config.h"
#include "features/extractor.h"
#include "features/helper.h"
#include "features/torchscript.h"
#include "model/model.h"
#include "train/classifier.h"
#include "train/explanation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct desy_scoring {
    struct desy_scoring_settings settings;
    char *audio, *text; /* of the settings, which borrow them */
    desy_classifier *classifier;
    const struct desy_extractor *extractor;
    struct desy_torchscript torchscript; /* where the model was trained on one */
    void *state;
    desy_helper_pool *helpers;
    struct desy_clip_request request; /* of every video; but for its path */
    cJSON *config; /* what decides the features, as extraction knows it */
    float *features; /* (T, D) */
    double threshold;
    int level; /* -1: all */
    struct queued {
        char *shown, *text;
        bool timeline, reasons;
    } *videos; /* that are queued, a ring */
    size_t first, queued, room;
};

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
        .frames = desy_classifier_frames(scoring->classifier), .threads = settings->threads, .allow_code = settings->allow_code};
    DESY_TRY(scoring->extractor->open(&scoring->state, &options));
    scoring->request = (struct desy_clip_request){.frames = options.frames, .windows = settings->windows, .transform = scoring->extractor->transform(scoring->state),
        .forensic = scoring->extractor->forensic,
        .crops = desy_classifier_reads(scoring->classifier, DESY_READS_CROPS), .audio = desy_classifier_reads(scoring->classifier, DESY_READS_AUDIO) && !(settings->audio && strcmp(settings->audio, "none") == 0)};
    DESY_TRY(desy_sampling_parse(&scoring->request.sampling, desy_classifier_sampling(scoring->classifier)));
    DESY_TRY(desy_extract_config(&scoring->config, scoring->extractor, scoring->state, &scoring->request, 0));
    DESY_TRY(check_weights(scoring));
    if (!settings->mute) warn_of_nothing_to_do(settings, scoring->classifier);
    scoring->features = calloc((size_t)options.frames * (size_t)scoring->extractor->dims, sizeof *scoring->features);
    if (!scoring->features) DESY_TRY(desy_error_memory("features"));
    DESY_TRY(desy_helper_pool_open(&scoring->helpers, settings->workers ? settings->workers : desy_cpu_available(), settings->deadline));
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
        struct queued *ring = calloc(room, sizeof *ring);
        if (!ring) return desy_error_memory("the queue of videos");
        for (size_t i = 0; i < scoring->queued; i++) ring[i] = scoring->videos[(scoring->first + i) % scoring->room];
        free(scoring->videos);
        scoring->videos = ring, scoring->room = room, scoring->first = 0;
    }
    struct queued *queued = &scoring->videos[(scoring->first + scoring->queued) % scoring->room];
    const bool explain = video->explain || scoring->settings.explain, timeline = explain || video->timeline || scoring->settings.timeline;
    *queued = (struct queued){strdup(video->shown), strdup(scoring->settings.text ? scoring->settings.text : video->text), timeline, explain || video->reasons};
    scoring->queued++;
    if (!queued->shown || !queued->text) return desy_error_memory("the name of a video");
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
static double logit_of(const desy_scoring *scoring, const struct desy_score *score)
{
    const double levels[] = {score->low, score->mid, score->high};
    return scoring->level < 0 ? score->logit : log(levels[scoring->level]) - log1p(-levels[scoring->level]);
}

/* The fields of a readable video. */
static void add_scores(cJSON *result, const desy_scoring *scoring, const struct desy_score *score, const struct desy_reliability *seen)
{
    const double levels[] = {score->low, score->mid, score->high};
    double logit = logit_of(scoring, score), confidence = desy_confidence(logit, scoring->settings.prior);
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

/* What became of a video: how its last clip that counts ended, and the first thing odd about one of them, or "". */
struct outcome {
    enum desy_status status;
    char reason[sizeof((struct desy_clip *)NULL)->reason];
};

/* Of the clip whose features were just extracted. */
static struct desy_clip_numbers numbers_of(const desy_scoring *scoring, const struct desy_clip *clip, const char *text)
{
    return (struct desy_clip_numbers){.features = scoring->features, .n_frames = clip->frames, .crops = &clip->crops[0][0][0][0], .audio = clip->audio,
        .audio_samples = clip->audio_samples, .text = text};
}

/* That clip on its own. */
static int add_window(cJSON *timeline, desy_scoring *scoring, const struct desy_clip *clip, const char *text)
{
    struct desy_score score;
    const struct desy_clip_numbers numbers = numbers_of(scoring, clip, text);
    const int rc = desy_classifier_score(scoring->classifier, &numbers, &score);
    if (rc != DESY_OK) return rc;
    cJSON *window = cJSON_CreateObject();
    cJSON_AddNumberToObject(window, "start", clip->pts[0]);
    cJSON_AddNumberToObject(window, "end", clip->pts[clip->frames - 1]);
    cJSON_AddNumberToObject(window, "score", desy_confidence(logit_of(scoring, &score), scoring->settings.prior));
    return cJSON_AddItemToArray(timeline, window) ? DESY_OK : desy_error_memory("a timeline");
}

/* All clips of the oldest queued request, up to the first that failed: the mean of those before it, and what they showed; or, with a timeline,
 * an object for each of them in it, and no score. */
static int score_clips(desy_scoring *scoring, const char *text, struct desy_score *score, struct outcome *outcome, struct desy_reliability *seen, cJSON *timeline)
{
    int rc;
    bool finite = true;
    const struct desy_clip *clip;
    *score = (struct desy_score){0};
    *outcome = (struct outcome){0};
    do {
        DESY_TRY(desy_helper_take(scoring->helpers, &clip));
        if (!finite) continue;
        if (!outcome->reason[0]) strcpy(outcome->reason, clip->reason);
        outcome->status = clip->status;
        if (clip->status != DESY_STATUS_OK) continue;
        DESY_TRY(desy_extractor_extract(scoring->extractor, scoring->state, clip, scoring->features, &finite));
        if (finite && timeline) DESY_TRY(add_window(timeline, scoring, clip, text));
        else if (finite) {
            const struct desy_clip_numbers numbers = numbers_of(scoring, clip, text);
            DESY_TRY(desy_classifier_add(scoring->classifier, &numbers, score));
            desy_reliability_add(seen, clip);
        } else *outcome = (struct outcome){DESY_STATUS_UNREADABLE, DESY_NOT_FINITE};
    } while (!desy_clip_is_last(clip));
    if (score->windows > 0) rc = desy_classifier_finish(scoring->classifier, score);
out:
    return rc;
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

int desy_scoring_next(desy_scoring *scoring, cJSON **out)
{
    int rc;
    struct desy_score score, none;
    struct outcome outcome, later;
    struct desy_reliability seen = {0};
    struct queued video = scoring->videos[scoring->first];
    cJSON *result = NULL, *timeline = video.timeline ? cJSON_CreateArray() : NULL;
    scoring->first = (scoring->first + 1) % scoring->room;
    scoring->queued--;
    DESY_TRY(score_clips(scoring, video.text, &score, &outcome, &seen, NULL));
    if (timeline) DESY_TRY(score_clips(scoring, video.text, &none, &later, NULL, timeline));
    result = cJSON_CreateObject();
    if (!result || !cJSON_AddStringToObject(result, "video_path", video.shown) ||
        !cJSON_AddStringToObject(result, "status", desy_status_name(score.windows ? DESY_STATUS_OK : outcome.status)))
        DESY_TRY(desy_error_memory("a result"));
    if (score.windows) {
        add_scores(result, scoring, &score, &seen);
        if (outcome.reason[0]) cJSON_AddStringToObject(result, "warning", outcome.reason);
        if (timeline && cJSON_AddItemToObject(result, "timeline", timeline)) timeline = NULL;
        if (video.reasons) DESY_TRY(explain(result, scoring, &score));
    } else cJSON_AddStringToObject(result, "reason", outcome.reason);
    *out = result, result = NULL;
out:
    cJSON_Delete(result);
    cJSON_Delete(timeline);
    free(video.shown);
    free(video.text);
    return rc;
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
    for (; scoring->queued > 0; scoring->queued--, scoring->first = (scoring->first + 1) % scoring->room) {
        free(scoring->videos[scoring->first].shown);
        free(scoring->videos[scoring->first].text);
    }
}

void desy_scoring_clear(desy_scoring *scoring)
{
    desy_helper_pool_clear(scoring->helpers);
    forget_videos(scoring);
}

void desy_scoring_close(desy_scoring **scoring)
{
    struct desy_scoring *s = *scoring;
    if (!s) return;
    desy_helper_pool_close(&s->helpers);
    if (s->state) s->extractor->close(&s->state);
    desy_classifier_close(&s->classifier);
    forget_videos(s);
    free(s->videos);
    cJSON_Delete(s->config);
    free(s->features);
    free(s->audio);
    free(s->text);
    free(s);
    *scoring = NULL;
}
