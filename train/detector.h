/* A trained model at work: features of one clip become a logit, probabilities of the three levels and channel logits.
 * Reads a model directory (docs/data.md); writes nothing. Nothing here is collective; a handle serves one thread at a time. */
#ifndef DESY_TRAIN_DETECTOR_H
#define DESY_TRAIN_DETECTOR_H

#include "train/clip_numbers.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#define DESY_MAX_CHANNELS 16
#define DESY_MAX_GROUPS 64 /* of inputs (train/evidence.h) */

typedef struct desy_detector desy_detector;
struct desy_ensemble;
struct desy_evidence;

struct desy_score {
    double logit;          /* fused and calibrated at prior .5: sigmoid(logit) is the probability of AI-generated */
    double low, mid, high; /* probabilities by that level alone, each calibrated at prior .5; NaN: the model has no such level */
    int windows;           /* clips of the video that this is the score of */
    int present[DESY_MAX_CHANNELS]; /* of them, those that have what the channel reads */
    int channels;          /* of channel_logits, named by desy_detector_channel */
    double channel_logits[DESY_MAX_CHANNELS]; /* standardised on the training items: mean 0, deviation 1 there; NaN: no clip has it */
    double group_logits[DESY_MAX_GROUPS], group_values[DESY_MAX_GROUPS]; /* desy_evidence_add */
    double distances[DESY_MAX_CHANNELS]; /* desy_evidence_distance of each channel */
};

/* `model`: a model directory (model.json, weights.safetensors), or a save directory whose file `current` names one.
 * `device`: as desy_torch_device gives it, for full-form channels. DESY_EDATA: no model there, of a format unknown here, or damaged. */
int desy_detector_open(desy_detector **detector, const char *model, const char *device);
/* One clip: features, n_frames, and the arrays that desy_detector_reads asks for. With one frame nothing moves: `step` is that of a still picture, and a
 * channel of temporal numbers has nothing to say, as one that hears has of a clip without sound. DESY_EDATA if a feature is not finite; DESY_EUSAGE: an array is missing. */
int desy_detector_score(desy_detector *detector, const struct desy_clip_numbers *clip, struct desy_score *score);
/* The same of several clips of one video: the logits of those that have the channel averaged. Add each to a score that was zeroed before the first, then finish. */
int desy_detector_add(desy_detector *detector, const struct desy_clip_numbers *clip, struct desy_score *score);
int desy_detector_finish(const desy_detector *detector, struct desy_score *score);
void desy_detector_close(desy_detector **detector);

/* All borrowed until close. */
const char *desy_detector_name(const desy_detector *detector);       /* "v0001": the directory's own name */
const char *desy_detector_directory(const desy_detector *detector);  /* where it was found, `current` resolved */
const char *desy_detector_sha256(const desy_detector *detector);     /* over model.json and weights.safetensors */
const char *desy_detector_extractor(const desy_detector *detector);  /* "hybrid" */
int desy_detector_extractor_version(const desy_detector *detector);
const char *desy_detector_weights_sha256(const desy_detector *detector); /* of the extractor's weights; "" if not recorded */
const char *desy_detector_precision(const desy_detector *detector);  /* of the features: "fp32"; so is a model that does not say */
const char *desy_detector_sampling(const desy_detector *detector);   /* "window" */
int desy_detector_frames(const desy_detector *detector);             /* T */
int desy_detector_dims(const desy_detector *detector);               /* D */
double desy_detector_threshold(const desy_detector *detector);       /* on the probability, chosen on the validation part */
bool desy_detector_calibrated(const desy_detector *detector);
uint64_t desy_detector_seed(const desy_detector *detector);          /* of the split: the parts can be drawn again (train/items.h) */
const char *desy_detector_data_sha256(const desy_detector *detector);     /* content_sha256 of the store it was trained on */
const char *desy_detector_training_sha256(const desy_detector *detector); /* desy_training_sha256 of its training part */
const cJSON *desy_detector_out_of_fold(const desy_detector *detector);    /* roc_auc, over (in words) and more, of its training; NULL: none */
const cJSON *desy_detector_model(const desy_detector *detector);         /* model.json */
const struct desy_ensemble *desy_detector_ensemble(const desy_detector *detector);
const struct desy_evidence *desy_detector_evidence(const desy_detector *detector);
/* Has it a channel that reads these? */
bool desy_detector_reads(const desy_detector *detector, enum desy_reads reads);
int desy_detector_channels(const desy_detector *detector);
const char *desy_detector_channel(const desy_detector *detector, int index);

/* The probability at a prior share of AI-generated videos in (0, 1): sigmoid(logit + ln(prior / (1 - prior))), since logits are
 * calibrated at prior .5. Pure. */
double desy_confidence(double logit, double prior);

#endif
