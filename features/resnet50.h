/* The extractor of the guide: 2048 numbers of ResNet-50, or of a TorchScript module of the same shape. Its weights say how frames become its
 * input: "preprocess" in the __metadata__ of the safetensors file, "resize256-crop224" (the default, as torchvision's weights were trained and
 * for TorchScript) or "squash224" (the guide's plain resize). DESY_EENV: another word there. */
#ifndef DESY_FEATURES_RESNET50_H
#define DESY_FEATURES_RESNET50_H

#include "features/extractor.h"

#define DESY_RESNET50_DIMS 2048

int desy_resnet50_open(void **state, const struct desy_extractor_options *options);
enum desy_transform desy_resnet50_transform(const void *state);
desy_encoder *desy_resnet50_encoder(void *state);
int desy_resnet50_describe(void *state, cJSON *provenance);
void desy_resnet50_close(void **state);

#endif
