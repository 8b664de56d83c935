/* Inside detect/: what the parts of scoring share. scoring.c opens it, queues videos and makes their results; scoring_clips.c looks at their clips. */
#ifndef DESY_DETECT_SCORING_STATE_H
#define DESY_DETECT_SCORING_STATE_H

#include "detect/reliability.h"
#include "detect/scoring.h"
#include "features/batches.h"
#include "features/torchscript.h"

/* What became of a request: how its last clip that counts ended, and the first thing odd about one of them, or "". */
struct desy_outcome {
    enum desy_status status;
    char reason[sizeof((struct desy_clip *)NULL)->reason];
    bool stopped; /* a clip was not finite: what follows does not count */
};

struct desy_queued_video {
    char *shown, *text;
    cJSON *timeline; /* of its parts, so far; NULL: not wanted */
    bool reasons;
    int requests; /* with clips to come: one for the score, one for the timeline */
    struct desy_outcome outcomes[2];
    struct desy_score score;
    struct desy_reliability seen;
};

struct desy_scoring {
    struct desy_scoring_settings settings;
    char *audio, *text; /* of the settings, which borrow them */
    desy_classifier *classifier;
    const struct desy_extractor *extractor;
    struct desy_torchscript torchscript; /* where the model was trained on one */
    void *state;
    desy_helper_pool *helpers;
    desy_batches *batches;
    int batch_clips;
    struct desy_clip_request request; /* of every video; but for its path */
    cJSON *config; /* what decides the features, as extraction knows it */
    double threshold;
    int level; /* -1: all */
    struct desy_queued_video *videos; /* that are queued, a ring */
    size_t first, queued, room;
    uint64_t gone;   /* videos before them */
    uint64_t taking; /* whose clips are taken next: twice the number of a video, and one more for its timeline. Clips bear it as their tag */
};

/* The logit that the confidence is made of, at prior .5. */
double desy_scoring_logit(const desy_scoring *scoring, const struct desy_score *score);
/* A clip that comes out of the batches (features/batches.h); context: the scoring. */
int desy_scoring_deliver(void *context, uint64_t tag, const struct desy_clip *clip, const float *features, bool finite);
/* Until the oldest video has all its clips behind it; others are taken beside, as batches have room. Its score is finished. */
int desy_scoring_look_at_oldest(desy_scoring *scoring);

#endif
