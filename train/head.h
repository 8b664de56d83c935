/* Inside train/: a fitted channel: pooled vectors in, standardised logits out. Nothing here is collective, or needs a store. */
#ifndef DESY_TRAIN_HEAD_H
#define DESY_TRAIN_HEAD_H

#include "model/model.h"
#include "train/channel.h"

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

/* Which pooled number stands for input d: itself, or the mean over the frames. */
int desy_head_column(const struct desy_head *head, int d);
/* Of one clip, with its vector; NaN: the clip has not what the channel reads. DESY_EUSAGE: it comes without the array that the channel reads. */
int desy_head_clip_logit(const struct desy_head *head, const struct desy_clip_numbers *clip, double *logit);

/* Standardised logits of n pooled vectors; NaN: a temporal channel of a clip that does not move, or one that reads a text, of a video without. texts (n): of the videos; NULL: none has
 * one. Bits do not depend on n. */
int desy_head_logits(const struct desy_head *head, const float *vectors, size_t stride, const char *const *texts, size_t n, double *logits);
/* What the network says of one input (train/reading.h), of which `length` are there, as a standardised logit. */
int desy_head_network_logit(const struct desy_head *head, const void *input, int32_t length, double *logit);
/* Has a clip the pooled numbers of this channel? */
bool desy_head_applies(const struct desy_head *head, const float *vector);
/* One standardised input row of a full form; room (inputs). text: of the video, where the channel reads it. */
void desy_head_row(const struct desy_head *head, const float *vector, const char *text, float *row, double *room);

#endif
