/* Inside train/: the fitted channels and how their logits become one: what a model directory holds. */
#ifndef DESY_TRAIN_ENSEMBLE_H
#define DESY_TRAIN_ENSEMBLE_H

#include "train/classifier.h"
#include "train/head.h"

#include <cjson/cJSON.h>

struct desy_ensemble {
    struct desy_layout layout;
    struct desy_head heads[DESY_MAX_CHANNELS];
    int n;
    double weight[DESY_LEVELS], bias;                     /* fused logit = bias + sum of weight x level logit */
    double slope[DESY_LEVELS], intercept[DESY_LEVELS];    /* a level's calibrated logit = slope x level logit + intercept */
    /* What the fusion was fitted to; borrowed, and only written: */
    const double *out_of_fold; /* (training, n); NULL: not known */
    const uint64_t *ids;       /* (training) */
    size_t training;
    const float *summaries;    /* (summarised, summary_columns), of training clips (train/drift_sample.h); NULL: none */
    size_t summarised, summary_columns;
};

/* A level's logit is the mean of its channels' standardised logits; false: it has none. logits: one a head, NaN: the clip has none. */
bool desy_ensemble_level(const struct desy_ensemble *ensemble, enum desy_level level, const double *logits, double *value);
/* The fused, calibrated logit. A level that the clip does not have counts as the mean of the training items: 0. */
double desy_ensemble_fuse(const struct desy_ensemble *ensemble, const double *logits);
/* logits (rows, n) become (rows): each row's fused one. */
void desy_ensemble_fuse_rows(const struct desy_ensemble *ensemble, double *logits, size_t rows);
double desy_sigmoid(double logit);

/* weights.safetensors, out_of_fold.safetensors and drift.safetensors if known, and "layout", "channels", "fusion", and what is said of the files in `model`. Not collective. */
int desy_ensemble_write(const struct desy_ensemble *ensemble, const char *directory, cJSON *model);
/* The inverse. DESY_EDATA: not such a model, or its tensors do not fit. */
int desy_ensemble_read(struct desy_ensemble *ensemble, const char *directory, const cJSON *model, const char *device);
void desy_ensemble_close(struct desy_ensemble *ensemble);

#endif
