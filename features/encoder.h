/* What the extractors share: a backbone, its settings, and their part of the provenance. */
#ifndef DESY_FEATURES_ENCODER_H
#define DESY_FEATURES_ENCODER_H

#include "features/extractor.h"
#include "model/model.h"

typedef struct desy_encoder desy_encoder;

/* `weights` is a file. Errors: those of desy_backbone_open. */
int desy_encoder_open(desy_encoder **encoder, enum desy_backbone_kind kind, const char *weights,
                      const struct desy_extractor_options *options);
/* Rows 0..clip->frames - 1 of features (T, stride): the backbone's D numbers from each row's start on.
 * DESY_EDATA: a clip of no frames or of more than T. */
int desy_encoder_run(desy_encoder *encoder, const struct desy_clip *clip, float *features, int stride);
/* Rows clip->frames..T - 1 become copies of the row before them. */
void desy_encoder_repeat_last(const desy_encoder *encoder, const struct desy_clip *clip, float *features, int stride);
int desy_encoder_dims(const desy_encoder *encoder);
int desy_encoder_describe(const desy_encoder *encoder, cJSON *provenance);
void desy_encoder_close(desy_encoder **encoder);

#endif
