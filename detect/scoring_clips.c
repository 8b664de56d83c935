/* The clips of queued videos, through the batches of the extractor and the classifier. */
#include "base/error.h"
#include "detect/scoring_state.h"

#include <string.h>

static struct desy_queued_video *video_of(desy_scoring *scoring, uint64_t tag)
{
    return &scoring->videos[(scoring->first + (size_t)(tag / 2 - scoring->gone)) % scoring->room];
}

/* That clip on its own. */
static int add_window(cJSON *timeline, desy_scoring *scoring, const struct desy_clip *clip, const struct desy_clip_numbers *numbers)
{
    struct desy_score score;
    const int rc = desy_classifier_score(scoring->classifier, numbers, &score);
    if (rc != DESY_OK) return rc;
    cJSON *window = cJSON_CreateObject();
    cJSON_AddNumberToObject(window, "start", clip->pts[0]);
    cJSON_AddNumberToObject(window, "end", clip->pts[clip->frames - 1]);
    cJSON_AddNumberToObject(window, "score", desy_confidence(desy_scoring_logit(scoring, &score), scoring->settings.prior));
    return cJSON_AddItemToArray(timeline, window) ? DESY_OK : desy_error_memory("a timeline");
}

/* Clips of a request up to the first that failed: the mean of those before it, and what they showed; or, of a timeline, an object for each of them in it, and no score. */
static int count_clip(desy_scoring *scoring, struct desy_queued_video *video, bool timeline, const struct desy_clip *clip, const float *features, bool finite)
{
    struct desy_outcome *outcome = &video->outcomes[timeline];
    if (outcome->stopped) return DESY_OK;
    if (!outcome->reason[0]) strcpy(outcome->reason, clip->reason);
    outcome->status = clip->status;
    if (clip->status != DESY_STATUS_OK) return DESY_OK;
    if (!finite) {
        *outcome = (struct desy_outcome){DESY_STATUS_UNREADABLE, DESY_NOT_FINITE, true};
        return DESY_OK;
    }
    const struct desy_clip_numbers numbers = {.features = features, .n_frames = clip->frames, .crops = &clip->crops[0][0][0][0], .audio = clip->audio,
        .audio_samples = clip->audio_samples, .text = video->text};
    if (timeline) return add_window(video->timeline, scoring, clip, &numbers);
    desy_reliability_add(&video->seen, clip);
    return desy_classifier_add(scoring->classifier, &numbers, &video->score);
}

int desy_scoring_deliver(void *context, uint64_t tag, const struct desy_clip *clip, const float *features, bool finite)
{
    desy_scoring *scoring = context;
    struct desy_queued_video *video = video_of(scoring, tag);
    video->requests -= desy_clip_is_last(clip);
    return count_clip(scoring, video, tag % 2, clip, features, finite);
}

static int take_clip(desy_scoring *scoring)
{
    const struct desy_clip *clip;
    int rc;
    DESY_TRY(desy_helper_take(scoring->helpers, &clip));
    const uint64_t tag = scoring->taking;
    if (desy_clip_is_last(clip)) scoring->taking += tag % 2 || !video_of(scoring, tag)->timeline ? 2 - tag % 2 : 1;
    DESY_TRY(desy_batches_add(scoring->batches, clip, tag));
out:
    return rc;
}

/* The oldest is in the batch that is being filled: does that wait for another clip? */
static bool wants_more(const desy_scoring *scoring)
{
    const bool queued = scoring->taking / 2 < scoring->gone + scoring->queued;
    return queued && scoring->batch_clips > 1 && (!scoring->settings.at_once || desy_helper_ready(scoring->helpers));
}

int desy_scoring_look_at_oldest(desy_scoring *scoring)
{
    struct desy_queued_video *video = &scoring->videos[scoring->first];
    int rc = DESY_OK;
    while (rc == DESY_OK && video->requests > 0) {
        const bool taken = scoring->taking / 2 > scoring->gone;
        rc = taken && !wants_more(scoring) ? desy_batches_drain(scoring->batches) : take_clip(scoring);
    }
    return rc == DESY_OK && video->score.windows > 0 ? desy_classifier_finish(scoring->classifier, &video->score) : rc;
}
