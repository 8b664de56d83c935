/* What the extractors share: a backbone, its settings, and their part of the provenance. */
#ifndef DESY_FEATURES_ENCODER_H
#define DESY_FEATURES_ENCODER_H

#include "features/extractor.h"
#include "model/model.h"

/* `weights` is a file. Errors: those of desy_backbone_open. */
int desy_encoder_open(desy_encoder **encoder, enum desy_backbone_kind kind, const char *weights,
                      const struct desy_extractor_options *options);
/* A batch of clips in one of DESY_BACKBONE_SLOTS slots, as desy_backbone_put, _start and _finish have it. DESY_EDATA: a clip of no frames or of more than T. */
int desy_encoder_put(desy_encoder *encoder, int slot, int place, const struct desy_clip *clip);
int desy_encoder_start(desy_encoder *encoder, int slot);
/* *rows (B, T, D), borrowed until the slot is started again. */
int desy_encoder_finish(desy_encoder *encoder, int slot, const float **rows);
int desy_encoder_dims(const desy_encoder *encoder);   /* D of the backbone */
int desy_encoder_frames(const desy_encoder *encoder); /* T */
int desy_encoder_clips(const desy_encoder *encoder);  /* B, which may be less than was asked for (desy_backbone_clips) */
/* Clips that go through the network at once where their number, and which are beside each other, may decide bits: B on a device, 1 on a CPU. */
int desy_encoder_deciding_clips(const desy_encoder *encoder);
int desy_encoder_describe(const desy_encoder *encoder, cJSON *provenance);
void desy_encoder_close(desy_encoder **encoder);

#endif
