/* Scores of single videos, for detect and batch: decode ahead, extract, score, and the JSON object of docs/data.md. */
#ifndef DESY_STAGES_SCORING_H
#define DESY_STAGES_SCORING_H

#include "stages/stage.h"

#include <cjson/cJSON.h>

/* --model, --threshold, --prior, --level, --windows, --weights, --device, --num-workers, --threads, --deadline, --audio, --text,
 * --timeline, --explain, --abstain. */
extern const struct poptOption desy_scoring_options[];

typedef struct desy_scoring desy_scoring;

/* Opens model, extractor and helpers as the options say; one a rank. Not collective: agree afterwards. */
int desy_scoring_open(desy_scoring **scoring, const desy_world *world);
struct desy_scoring_video {
    const char *path, *shown;      /* opens it; what the result calls it */
    const char *audio_path, *text; /* what comes with it; "": the sound of the video, no text. --audio and --text take their place */
};
/* Queues a video; copied. */
int desy_scoring_submit(desy_scoring *scoring, const struct desy_scoring_video *video);
/* The result of the oldest queued video; caller deletes. A video that could not be read has a status, a reason, no score. */
int desy_scoring_next(desy_scoring *scoring, cJSON **result);
/* Collective: DESY_EENV unless all ranks compute features as rank 0 does (device, instruction set, versions, ...). */
int desy_scoring_agree(const desy_scoring *scoring, desy_world *world);
/* What decides the scores: SHA-256 of the model, threshold, prior, level, --audio, --text, and all that decides the features. */
int desy_scoring_sha256(const desy_scoring *scoring, char hex[65]);
/* DESY_EUSAGE: --audio names the sound of one video, and there are others. Not collective. */
int desy_scoring_check_count(size_t videos);
/* --timeline, also where another option needs it. Before desy_scoring_open. */
void desy_scoring_want_timeline(void);
void desy_scoring_close(desy_scoring **scoring);

#endif
