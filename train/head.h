/* Inside train/: a fitted channel: pooled vectors in, standardised logits out. */
#ifndef DESY_TRAIN_HEAD_H
#define DESY_TRAIN_HEAD_H

#include "model/model.h"
#include "train/channel.h"
#include "train/fit.h"

struct desy_head {
    const struct desy_channel *channel;
    struct desy_layout layout;
    int offset, inputs;     /* of the pooled vector; of a frame, crop or sample */
    int frames;             /* frames, crops or samples that the network takes; 1 of a pooled vector */
    int standardised;       /* of the inputs: all but those of a text, none of crops and audio, whose network takes them as they are */
    double *median, *scale; /* (standardised): desy_standardise */
    double *direction, bias; /* small form: direction (inputs) */
    desy_network *network;  /* full form */
    double mean, deviation; /* of the raw logits over the training items */
};

/* Room for its numbers; the network of a full form is the caller's to open, and `frames` his to set where the channel reads frames. DESY_EUSAGE: the layout has no such numbers. */
int desy_head_open(struct desy_head *head, const struct desy_channel *channel, const struct desy_layout *layout);
void desy_head_close(struct desy_head *head);

/* Are linear layers of its network in 8 bits (model/model.h)? */
bool desy_head_is_int8(const struct desy_head *head);

/* Collective. Small form: standardise, 80 principal components over their mean deviation, logistic regression with C = .3
 * (reference: scikit-learn's LogisticRegression; settings measured, docs/features.md), folded into one direction. */
int desy_head_fit_small(const struct desy_fit *fit, const struct desy_channel *channel, const struct desy_layout *layout, struct desy_head *head);

/* Collective: mean and deviation of the raw logits over the fit's items. */
int desy_head_standardise(const struct desy_fit *fit, struct desy_head *head);

/* Which pooled number stands for input d: itself, or the mean over the frames. */
int desy_head_column(const struct desy_head *head, int d);
/* Collective: median and scale of the inputs over the fit's items; of frames those of their means, of crops and audio nothing. */
int desy_head_standardise_inputs(const struct desy_fit *fit, struct desy_head *head);

/* Standardised logits of this rank's rows first, ..., first + n - 1 of the fit, read from the store where the channel takes more than pooled numbers; NaN: the
 * clip has not what it reads. Not collective. */
int desy_head_fit_logits(const struct desy_head *head, const struct desy_fit *fit, size_t first, size_t n, double *logits);
/* Of those rows of this rank that the fit has a weight for; the others of logits (count) stay as they are. Not collective. */
int desy_head_chosen_logits(const struct desy_head *head, const struct desy_fit *fit, double *logits);
/* Of one clip, with its vector; NaN alike. DESY_EUSAGE: it comes without the array that the channel reads. Not collective. */
int desy_head_clip_logit(const struct desy_head *head, const struct desy_clip_numbers *clip, double *logit);

/* Standardised logits of n pooled vectors; NaN: a temporal channel of a clip that does not move, or one that reads a text, of which vectors have none. Bits do not depend on n. Not collective. */
int desy_head_logits(const struct desy_head *head, const float *vectors, size_t stride, size_t n, double *logits);
/* Has a clip the pooled numbers of this channel? */
bool desy_head_applies(const struct desy_head *head, const float *vector);
/* One standardised input row of a full form; room (inputs). text: of the video, where the channel reads it. */
void desy_head_row(const struct desy_head *head, const float *vector, const char *text, float *row, double *room);

#endif
