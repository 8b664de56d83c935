#include "stages/scoring.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "features/extractor.h"
#include "features/helper.h"
#include "features/torchscript.h"
#include "model/model.h"
#include "stages/default_model.h"
#include "stages/extract.h"
#include "stages/reliability.h"
#include "train/detector.h"
#include "train/explanation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *model, *threshold, *level, *weights, *device, *precision, *audio, *text;
    double prior, deadline;
    int windows, workers, threads, allow_code, timeline, explain, abstain;
} settings = {.precision = "fp32", .windows = 1, .prior = .5, .deadline = 120, .threads = 1};

const struct poptOption desy_scoring_options[] = {
    {"model", 'm', POPT_ARG_STRING, &settings.model, 0, "a model directory, or a save directory (its current version); default: the one that ships, models/hybrid-1", "MODEL"},
    {"threshold", 't', POPT_ARG_STRING, &settings.threshold, 0, "call it AI-generated from this score on (default: the model's)", "T"},
    {"prior", 0, POPT_ARG_DOUBLE, &settings.prior, 0, "share of AI-generated videos to expect (default 0.5)", "P"},
    {"level", 0, POPT_ARG_STRING, &settings.level, 0, "score by one level alone: low, mid or high (default all)", "L"},
    {"windows", 0, POPT_ARG_INT, &settings.windows, 0, "look at so many clips of a long video, spread over it, and average them (default 1)", "N"},
    {"weights", 0, POPT_ARG_STRING, &settings.weights, 0, "the extractor's weights", "FILE"},
    {"device", 0, POPT_ARG_STRING, &settings.device, 0, "auto, cpu or cuda (default auto)", "D"},
    {"precision", 0, POPT_ARG_STRING, &settings.precision, 0, "fp32, bf16 or, on CUDA devices, fp16: what the network computes with (default fp32)", "P"},
    {"num-workers", 0, POPT_ARG_INT, &settings.workers, 0, "decode helpers of each rank (default: its cores)", "N"},
    {"threads", 0, POPT_ARG_INT, &settings.threads, 0, "threads of each network call (default 1)", "N"},
    {"deadline", 0, POPT_ARG_DOUBLE, &settings.deadline, 0, "seconds that a video may take to decode (default 120)", "S"},
    {"allow-code", 0, POPT_ARG_NONE, &settings.allow_code, 0, "let --weights be TorchScript, which is executable code", NULL},
    {"audio", 0, POPT_ARG_STRING, &settings.audio, 0, "for models that hear: auto, the sound of the video, or what a data set gives as audio_path; none; or a file with the sound of the one video (default auto)", "auto|none|FILE"},
    {"text", 0, POPT_ARG_STRING, &settings.text, 0, "for models that read: the prompt or caption of the videos (default: the text that a data set gives)", "TEXT"},
    {"timeline", 0, POPT_ARG_NONE, &settings.timeline, 0, "also score the video part by part, in windows of its whole length, 64 at most", NULL},
    {"explain", 0, POPT_ARG_NONE, &settings.explain, 0, "say which levels, blocks and seconds spoke for and against (with --timeline)", NULL},
    {"abstain", 0, POPT_ARG_NONE, &settings.abstain, 0, "give no verdict on a video that the model has no hold on (default: only warn)", NULL},
    POPT_TABLEEND};

struct desy_scoring {
    desy_detector *detector;
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
    } *videos; /* that are queued, a ring */
    size_t first, queued, room;
};

static const char *const level_names[] = {"low", "mid", "high"};

/* --audio, where it names one; else NULL. */
static const char *audio_file(void)
{
    return settings.audio && strcmp(settings.audio, "auto") != 0 && strcmp(settings.audio, "none") != 0 ? settings.audio : NULL;
}

static int parse_settings(struct desy_scoring *scoring)
{
    scoring->level = -1;
    if (settings.level && strcmp(settings.level, "all") != 0) {
        for (int i = 0; i < 3; i++)
            if (strcmp(settings.level, level_names[i]) == 0) scoring->level = i;
        if (scoring->level < 0) return desy_error(DESY_EUSAGE, "--level is low, mid, high or all, not '%s'", settings.level);
    }
    if (!(settings.prior > 0 && settings.prior < 1)) return desy_error(DESY_EUSAGE, "--prior must lie between 0 and 1");
    if (settings.threshold) {
        char *end = NULL;
        scoring->threshold = strtod(settings.threshold, &end);
        if (*end || end == settings.threshold || !(scoring->threshold >= 0 && scoring->threshold <= 1))
            return desy_error(DESY_EUSAGE, "--threshold must be a number from 0 to 1, not '%s'", settings.threshold);
    }
    if (settings.windows < 1 || settings.windows > DESY_MAX_WINDOWS) return desy_error(DESY_EUSAGE, "--windows must be 1 to %d, not %d", DESY_MAX_WINDOWS, settings.windows);
    if (settings.threads < 1 || settings.workers < 0 || !(settings.deadline > 0))
        return desy_error(DESY_EUSAGE, "--threads must be at least 1, --num-workers not negative, --deadline above 0");
    settings.timeline |= settings.explain;
    if (settings.audio && !*settings.audio) return desy_error(DESY_EUSAGE, "--audio is auto, none, or a file");
    if (audio_file() && !desy_file_exists(settings.audio)) return desy_error(DESY_EDATA, "%s: there is no such sound file", settings.audio);
    return DESY_OK;
}

static void warn_of_nothing_to_do(const desy_detector *detector)
{
    if (audio_file() && !desy_detector_reads(detector, DESY_READS_AUDIO)) desy_log_warning("model %s has no channel that hears: --audio changes nothing", desy_detector_name(detector));
    if (settings.text && !desy_detector_reads(detector, DESY_READS_TEXT)) desy_log_warning("model %s has no channel that reads a text: --text changes nothing", desy_detector_name(detector));
}

int desy_scoring_check_count(size_t videos)
{
    return audio_file() && videos > 1 ? desy_error(DESY_EUSAGE, "--audio FILE is the sound of one video, and there are %zu; of many, a data set names it as audio_path", videos) : DESY_OK;
}

/* That of the model: one of the table, or a file that --weights must name. */
static int choose_extractor(struct desy_scoring *scoring)
{
    const char *name = desy_detector_extractor(scoring->detector), *model = desy_detector_name(scoring->detector);
    if (desy_extractor_find(&scoring->extractor, name) == DESY_OK) return DESY_OK;
    if (!settings.weights || !desy_is_torchscript(settings.weights))
        return desy_error(DESY_EUSAGE, "model %s was trained on features of the TorchScript encoder '%s': name its file by --weights FILE.pt, with --allow-code", model, name);
    scoring->extractor = &scoring->torchscript.extractor;
    return desy_torchscript_extractor(&scoring->torchscript, settings.weights, desy_detector_dims(scoring->detector));
}

/* Features of other weights than the model was trained on give scores that mean nothing. */
static int check_weights(const struct desy_scoring *scoring, bool first)
{
    int rc = DESY_OK;
    const char *trained = desy_detector_weights_sha256(scoring->detector), *here = cJSON_GetStringValue(cJSON_GetObjectItem(scoring->config, "weights_sha256"));
    if (scoring->extractor->version != desy_detector_extractor_version(scoring->detector))
        rc = desy_error(DESY_EDATA, "model %s was trained on version %d of the extractor %s, this program has version %d: train again", desy_detector_name(scoring->detector),
                        desy_detector_extractor_version(scoring->detector), scoring->extractor->name, scoring->extractor->version);
    if (rc == DESY_OK && *trained && here && strcmp(trained, here) != 0)
        rc = desy_error(DESY_EDATA, "model %s was trained on other weights of the extractor %s than those here: name them by --weights",
                        desy_detector_name(scoring->detector), scoring->extractor->name);
    if (rc == DESY_OK && first && strcmp(settings.precision, desy_detector_precision(scoring->detector)) != 0)
        desy_log_warning("model %s was trained on features in %s, those here are computed in %s: scores move a little (--precision)",
                         desy_detector_name(scoring->detector), desy_detector_precision(scoring->detector), settings.precision);
    return rc;
}

/* A model that was trained on one level has no others to score by. */
static int check_level(const struct desy_scoring *scoring)
{
    const cJSON *channel, *channels = cJSON_GetObjectItemCaseSensitive(desy_detector_model(scoring->detector), "channels");
    if (scoring->level < 0) return DESY_OK;
    cJSON_ArrayForEach(channel, channels)
    {
        const char *level = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(channel, "level"));
        if (level && strcmp(level, level_names[scoring->level]) == 0) return DESY_OK;
    }
    return desy_error(DESY_EUSAGE, "model %s has no level %s (desy fusion-weights shows those it has)", desy_detector_name(scoring->detector), level_names[scoring->level]);
}

int desy_scoring_open(desy_scoring **out, const desy_world *world)
{
    int rc;
    char device[16];
    enum desy_precision precision;
    struct desy_scoring *scoring = *out = calloc(1, sizeof *scoring);
    if (!scoring) return desy_error_memory("scoring");
    DESY_TRY(parse_settings(scoring));
    DESY_TRY(desy_precision_parse(&precision, settings.precision));
    char *model = NULL;
    DESY_TRY(desy_torch_device(device, settings.device ? settings.device : "auto", desy_local_rank(world)));
    DESY_TRY(desy_model_or_default(&model, settings.model));
    rc = desy_detector_open(&scoring->detector, model, device);
    free(model);
    DESY_TRY(rc);
    DESY_TRY(check_level(scoring));
    if (!settings.threshold) scoring->threshold = desy_detector_threshold(scoring->detector);
    DESY_TRY(choose_extractor(scoring));
    DESY_TRY(desy_extractor_check_precision(scoring->extractor, precision));
    const struct desy_extractor_options options = {.weights = settings.weights, .dims = scoring->extractor->dims, .device = device, .precision = precision,
        .frames = desy_detector_frames(scoring->detector), .threads = settings.threads, .allow_code = settings.allow_code};
    DESY_TRY(scoring->extractor->open(&scoring->state, &options));
    scoring->request = (struct desy_clip_request){.frames = options.frames, .windows = settings.windows, .transform = scoring->extractor->transform(scoring->state),
        .forensic = scoring->extractor->forensic,
        .crops = desy_detector_reads(scoring->detector, DESY_READS_CROPS), .audio = desy_detector_reads(scoring->detector, DESY_READS_AUDIO) && !(settings.audio && strcmp(settings.audio, "none") == 0)};
    DESY_TRY(desy_sampling_parse(&scoring->request.sampling, desy_detector_sampling(scoring->detector)));
    DESY_TRY(desy_extract_config(&scoring->config, scoring->extractor, scoring->state, &scoring->request, 0));
    DESY_TRY(check_weights(scoring, desy_rank(world) == 0));
    if (desy_rank(world) == 0) warn_of_nothing_to_do(scoring->detector);
    scoring->features = calloc((size_t)options.frames * (size_t)scoring->extractor->dims, sizeof *scoring->features);
    if (!scoring->features) DESY_TRY(desy_error_memory("features"));
    DESY_TRY(desy_helper_pool_open(&scoring->helpers, settings.workers ? settings.workers : desy_local_cores(world), settings.deadline));
out:
    return rc;
}

int desy_scoring_submit(desy_scoring *scoring, const struct desy_scoring_video *video)
{
    struct desy_clip_request request = scoring->request;
    if (scoring->queued == scoring->room) {
        size_t room = scoring->room ? 2 * scoring->room : 16;
        struct queued *ring = calloc(room, sizeof *ring);
        if (!ring) return desy_error_memory("the queue of videos");
        for (size_t i = 0; i < scoring->queued; i++) ring[i] = scoring->videos[(scoring->first + i) % scoring->room];
        free(scoring->videos);
        scoring->videos = ring, scoring->room = room, scoring->first = 0;
    }
    struct queued *queued = &scoring->videos[(scoring->first + scoring->queued) % scoring->room];
    *queued = (struct queued){strdup(video->shown), strdup(settings.text ? settings.text : video->text)};
    scoring->queued++;
    if (!queued->shown || !queued->text) return desy_error_memory("the name of a video");
    desy_clip_request_paths(&request, video->path, audio_file() ? settings.audio : video->audio_path);
    int rc = desy_helper_submit(scoring->helpers, &request);
    request.windows = DESY_MAX_WINDOWS; /* those of the timeline are clips of their own: the score stays what it is without it */
    return rc == DESY_OK && settings.timeline ? desy_helper_submit(scoring->helpers, &request) : rc;
}

static double prior_logit(void)
{
    return log(settings.prior) - log1p(-settings.prior);
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
    double logit = logit_of(scoring, score), confidence = desy_confidence(logit, settings.prior);
    char text[DESY_RELIABILITY_TEXT];
    const bool reliable = desy_reliability_judge(text, seen, scoring->detector, score, logit + prior_logit(), scoring->threshold, scoring->level >= 0);
    if (settings.abstain && !reliable) cJSON_AddNullToObject(result, "is_ai_generated");
    else cJSON_AddBoolToObject(result, "is_ai_generated", confidence >= scoring->threshold);
    cJSON_AddNumberToObject(result, "confidence", confidence);
    cJSON_AddNumberToObject(result, "logit", logit);
    cJSON_AddNumberToObject(result, "prior", settings.prior);
    cJSON_AddNumberToObject(result, "threshold", scoring->threshold);
    cJSON *features = cJSON_AddObjectToObject(result, "feature_scores"), *channels;
    for (int i = 0; i < 3; i++)
        if (isfinite(levels[i])) cJSON_AddNumberToObject(features, level_names[i], levels[i]);
    channels = cJSON_AddObjectToObject(result, "channels");
    for (int i = 0; i < score->channels; i++) {
        const char *name = desy_detector_channel(scoring->detector, i);
        if (isfinite(score->channel_logits[i])) cJSON_AddNumberToObject(channels, name, score->channel_logits[i]);
        else cJSON_AddNullToObject(channels, name); /* the clip has not what it reads */
    }
    cJSON_AddNumberToObject(result, "windows", score->windows);
    cJSON_AddStringToObject(result, "model", desy_detector_name(scoring->detector));
    cJSON_AddBoolToObject(result, "calibrated", desy_detector_calibrated(scoring->detector));
    cJSON_AddStringToObject(result, "reliability", text);
    if (!settings.abstain) return;
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
    const int rc = desy_detector_score(scoring->detector, &numbers, &score);
    if (rc != DESY_OK) return rc;
    cJSON *window = cJSON_CreateObject();
    cJSON_AddNumberToObject(window, "start", clip->pts[0]);
    cJSON_AddNumberToObject(window, "end", clip->pts[clip->frames - 1]);
    cJSON_AddNumberToObject(window, "score", desy_confidence(logit_of(scoring, &score), settings.prior));
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
            DESY_TRY(desy_detector_add(scoring->detector, &numbers, score));
            desy_reliability_add(seen, clip);
        } else *outcome = (struct outcome){DESY_STATUS_UNREADABLE, DESY_NOT_FINITE};
    } while (!desy_clip_is_last(clip));
    if (score->windows > 0) rc = desy_detector_finish(scoring->detector, score);
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
    const int rc = desy_detector_explain(scoring->detector, score, scoring->level, &explanation);
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
    cJSON *result = NULL, *timeline = settings.timeline ? cJSON_CreateArray() : NULL;
    struct queued video = scoring->videos[scoring->first];
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
        if (settings.explain) DESY_TRY(explain(result, scoring, &score));
    } else cJSON_AddStringToObject(result, "reason", outcome.reason);
    *out = result, result = NULL;
out:
    cJSON_Delete(result);
    cJSON_Delete(timeline);
    free(video.shown);
    free(video.text);
    return rc;
}

void desy_scoring_want_timeline(void)
{
    settings.timeline = 1;
}

int desy_scoring_agree(const desy_scoring *scoring, desy_world *world)
{
    return desy_extract_agree_config(world, scoring->config);
}

int desy_scoring_sha256(const desy_scoring *scoring, char hex[65])
{
    char *config = cJSON_PrintUnformatted(scoring->config);
    char *text = config ? desy_format("%s %.17g %.17g %d %d%d%d %s %s %s", desy_detector_sha256(scoring->detector), scoring->threshold, settings.prior, scoring->level, settings.timeline,
                                    settings.explain, settings.abstain, config, audio_file() ? settings.audio : "", settings.text ? settings.text : "") : NULL;
    int rc = text ? desy_sha256_bytes(hex, text, strlen(text)) : desy_error_memory("the configuration");
    cJSON_free(config);
    free(text);
    return rc;
}

void desy_scoring_close(desy_scoring **scoring)
{
    struct desy_scoring *s = *scoring;
    if (!s) return;
    desy_helper_pool_close(&s->helpers);
    if (s->state) s->extractor->close(&s->state);
    desy_detector_close(&s->detector);
    for (size_t i = 0; i < s->queued; i++) {
        free(s->videos[(s->first + i) % s->room].shown);
        free(s->videos[(s->first + i) % s->room].text);
    }
    free(s->videos);
    cJSON_Delete(s->config);
    free(s->features);
    free(s);
    *scoring = NULL;
}
