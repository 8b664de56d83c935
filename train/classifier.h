/* A trained model at work: features of one clip become a logit, probabilities of the three levels and channel logits.
 * Reads a model directory (docs/data.md); writes nothing. Nothing here is collective; a handle serves one thread at a time. */
#ifndef DESY_TRAIN_CLASSIFIER_H
#define DESY_TRAIN_CLASSIFIER_H

#include "train/clip_numbers.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#define DESY_MAX_CHANNELS 16
#define DESY_MAX_GROUPS 64 /* of inputs (train/evidence.h) */

typedef struct desy_classifier desy_classifier;
struct desy_ensemble;
struct desy_evidence;

struct desy_score {
    double logit;          /* fused and calibrated at prior .5: sigmoid(logit) is the probability of AI-generated */
    double low, mid, high; /* probabilities by that level alone, each calibrated at prior .5; NaN: the model has no such level */
    int windows;           /* clips of the video that this is the score of */
    int present[DESY_MAX_CHANNELS]; /* of them, those that have what the channel reads */
    int channels;          /* of channel_logits, named by desy_classifier_channel */
    double channel_logits[DESY_MAX_CHANNELS]; /* standardised on the training items: mean 0, deviation 1 there; NaN: no clip has it */
    double group_logits[DESY_MAX_GROUPS], group_values[DESY_MAX_GROUPS]; /* desy_evidence_add */
    double distances[DESY_MAX_CHANNELS]; /* desy_evidence_distance of each channel */
};

/* `model`: a model directory (model.json, weights.safetensors), or a save directory whose file `current` names one.
 * `device`: as desy_torch_device gives it, for full-form channels. DESY_EDATA: no model there, of a format unknown here, or damaged. */
int desy_classifier_open(desy_classifier **classifier, const char *model, const char *device);
/* One clip: features, n_frames, and the arrays that desy_classifier_reads asks for. With one frame nothing moves: `step` is that of a still picture, and a
 * channel of temporal numbers has nothing to say, as one that hears has of a clip without sound. DESY_EDATA if a feature is not finite; DESY_EUSAGE: an array is missing. */
int desy_classifier_score(desy_classifier *classifier, const struct desy_clip_numbers *clip, struct desy_score *score);
/* The same of several clips of one video: the logits of those that have the channel averaged. Add each to a score that was zeroed before the first, then finish. */
int desy_classifier_add(desy_classifier *classifier, const struct desy_clip_numbers *clip, struct desy_score *score);
int desy_classifier_finish(const desy_classifier *classifier, struct desy_score *score);
void desy_classifier_close(desy_classifier **classifier);

/* All borrowed until close. */
const char *desy_classifier_name(const desy_classifier *classifier);       /* "v0001": the directory's own name */
const char *desy_classifier_directory(const desy_classifier *classifier);  /* where it was found, `current` resolved */
const char *desy_classifier_sha256(const desy_classifier *classifier);     /* over model.json and weights.safetensors */
const char *desy_classifier_extractor(const desy_classifier *classifier);  /* "hybrid" */
int desy_classifier_extractor_version(const desy_classifier *classifier);
const char *desy_classifier_weights_sha256(const desy_classifier *classifier); /* of the extractor's weights; "" if not recorded */
const char *desy_classifier_precision(const desy_classifier *classifier);  /* of the features: "fp32"; so is a model that does not say */
const char *desy_classifier_sampling(const desy_classifier *classifier);   /* "window" */
int desy_classifier_frames(const desy_classifier *classifier);             /* T */
int desy_classifier_dims(const desy_classifier *classifier);               /* D */
double desy_classifier_threshold(const desy_classifier *classifier);       /* on the probability, chosen on the validation part */
bool desy_classifier_calibrated(const desy_classifier *classifier);
uint64_t desy_classifier_seed(const desy_classifier *classifier);          /* of the split: the parts can be drawn again (train/items.h) */
const char *desy_classifier_data_sha256(const desy_classifier *classifier);     /* content_sha256 of the store it was trained on */
const char *desy_classifier_training_sha256(const desy_classifier *classifier); /* desy_training_sha256 of its training part */
const cJSON *desy_classifier_out_of_fold(const desy_classifier *classifier);    /* roc_auc, over (in words) and more, of its training; NULL: none */
const cJSON *desy_classifier_model(const desy_classifier *classifier);         /* model.json */
const struct desy_ensemble *desy_classifier_ensemble(const desy_classifier *classifier);
const struct desy_evidence *desy_classifier_evidence(const desy_classifier *classifier);
/* Has it a channel that reads these? */
bool desy_classifier_reads(const desy_classifier *classifier, enum desy_reads reads);
int desy_classifier_channels(const desy_classifier *classifier);
const char *desy_classifier_channel(const desy_classifier *classifier, int index);

/* The probability at a prior share of AI-generated videos in (0, 1): sigmoid(logit + ln(prior / (1 - prior))), since logits are
 * calibrated at prior .5. Pure. */
double desy_confidence(double logit, double prior);

#endif
