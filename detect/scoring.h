/* Scores of single videos: decode ahead, extract, score, and the JSON object of docs/data.md. Nothing here is collective; a handle serves one thread at a time. */
#ifndef DESY_DETECT_SCORING_H
#define DESY_DETECT_SCORING_H

#include "features/helper.h"
#include "train/classifier.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* How to score. Begin with DESY_SCORING_DEFAULTS. Messages name a setting as the command line spells it: --allow-code is allow_code. */
struct desy_scoring_settings {
    const char *model;     /* a model directory, or a save directory (its current version); NULL: the one that ships */
    double threshold;      /* call it AI-generated from this probability on; NaN: the model's */
    const char *level;     /* score by "low", "mid" or "high" alone; NULL, "all": by all */
    const char *weights;   /* file with the extractor's; NULL: its default place */
    const char *device;    /* "auto", "cpu", "cuda", "cuda:K"; NULL: auto */
    const char *precision; /* "fp32", "bf16", "fp16" */
    const char *audio;     /* for models that hear: "auto" or NULL, the sound that comes with a video; "none"; or a file with that of the one video */
    const char *text;      /* for models that read: the prompt of the videos; NULL: what comes with each */
    desy_spawner *spawner; /* of the decode helpers, borrowed until close; NULL: the one that this process forked */
    double prior;          /* share of AI-generated videos to expect, in (0, 1) */
    double deadline;       /* seconds that a video may take to decode */
    int windows;           /* clips to look at of a long video, 1..DESY_MAX_WINDOWS */
    int workers;           /* decode helpers; 0: as many as the processors that this process may use, beside a GPU one less */
    int threads;           /* of each network call */
    int batch_clips;       /* clips that go through the network at once, of different videos, too; 0: as many as are fastest on the device. A video's result then waits for those behind it */
    int at_once;           /* 0 or 1: but only for those that are decoded: the network begins when there is no other clip that could go with it at once */
    int local_rank;        /* the CUDA device that "auto" takes, modulo those there are */
    int allow_code;        /* from here on 0 or 1: weights may be TorchScript, which is executable code */
    int timeline;          /* also score the video part by part */
    int explain;           /* also say what spoke for and against; with timeline */
    int abstain;           /* give no verdict on a video that the model has no hold on */
    int mute;              /* warn of nothing: another rank does */
};
#define DESY_SCORING_DEFAULTS {.threshold = __builtin_nan(""), .precision = "fp32", .prior = .5, .deadline = 120, .windows = 1, .threads = 1, .batch_clips = 1}

/* The file that `audio` names; NULL: none. Borrowed. */
const char *desy_scoring_audio_file(const struct desy_scoring_settings *settings);

typedef struct desy_scoring desy_scoring;

/* Opens model, extractor and helpers. The settings and their texts are needed during the call alone. DESY_EUSAGE: a setting is out of its range; DESY_EDATA: no such model or
 * sound file, or one that does not go with the extractor; DESY_EENV: device, weights, memory. Close it in any case. */
int desy_scoring_open(desy_scoring **scoring, const struct desy_scoring_settings *settings);
struct desy_scoring_video {
    const char *path, *shown;      /* opens it; what the result calls it */
    const char *audio_path, *text; /* what comes with it; "": the sound of the video, no text. The settings' audio and text take their place */
    bool timeline, explain;        /* of this one, also where the settings do not ask for it */
    bool reasons;                  /* the explanation without its timeline, which decodes the whole video */
};
/* Queues a video; copied. */
int desy_scoring_submit(desy_scoring *scoring, const struct desy_scoring_video *video);
/* The result of the oldest queued video; caller deletes. A video that could not be read has a status, a reason, no score. After an error desy_scoring_clear comes next, or the end. */
int desy_scoring_next(desy_scoring *scoring, cJSON **result);
/* How many videos should be queued so that decoders and network have work: one for each helper and one more, but two where one clip goes through the network at a time. Results come in order: those behind a slow one wait. */
int desy_scoring_ahead(const desy_scoring *scoring);
/* Calls of the network so far. */
uint64_t desy_scoring_calls(const desy_scoring *scoring);
/* The model. Borrowed until close. */
const desy_classifier *desy_scoring_classifier(const desy_scoring *scoring);
/* From any thread: a desy_scoring_next that waits for a clip, or else the next one that would, gives DESY_EINTERRUPTED. */
void desy_scoring_interrupt(desy_scoring *scoring);
/* Forgets the videos that are queued, and interrupts that nobody took notice of: after a failure, to go on. */
void desy_scoring_clear(desy_scoring *scoring);
/* What decides the features (features/extract_config.h). Borrowed until close. */
const cJSON *desy_scoring_config(const desy_scoring *scoring);
/* What decides the scores: SHA-256 of the model, threshold, prior, level, audio, text, and all that decides the features. */
int desy_scoring_sha256(const desy_scoring *scoring, char hex[65]);
void desy_scoring_close(desy_scoring **scoring);

#endif
