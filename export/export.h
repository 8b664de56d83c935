/* A trained model as one ONNX graph: features of clips become logits, as train/classifier.h makes them. Not collective. */
#ifndef DESY_EXPORT_EXPORT_H
#define DESY_EXPORT_EXPORT_H

#include "train/classifier.h"

#include <stdbool.h>

struct desy_export_options {
    int opset; /* 11 to 17 */
    bool int8; /* the linear layers of full forms in 8 bits, as those of a model that is so (train/quantise.h) are in any case */
    const char *weights; /* of resnet50, the model's extractor, which then is part of the graph; NULL: it is not */
};

/* Written atomically to `path`. Inputs, of N clips: features (N, T, D) float32, or, with
 * weights, frames (N, T, 224, 224, 3) uint8, as features/transform.h makes them; n_frames (N) int64: how many of the T are there, the rest never enter; and where a channel
 * reads them crops (N, 4, 224, 224, 3) uint8, audio (N, 32000) int16 with audio_samples (N) int64 (0: there is no sound), text (N, 4096) float32 (train/text.h; zeros: there
 * is none). Outputs, float32: logit (N), probability (N) at prior .5, low, mid, high (N) as far as the model has these levels, channel_logits (N, channels) in the order of
 * the metadata's "channels"; NaN: the clip has not what a channel or level reads. All are NaN for a clip whose n_frames are not 1..T or whose features are not finite, which
 * the program refuses. Metadata: docs/deployment.md.
 * DESY_EUSAGE: an opset out of range, int8 of a model without layers to which that applies, or a channel or extractor that can't be expressed, which is named. DESY_EDATA: other weights than those the features were made with. DESY_EENV: the file can't be written. */
int desy_export(const desy_classifier *classifier, const struct desy_export_options *options, const char *path);

#endif
