#include "features/extractor.h"

#include "base/error.h"
#include "features/encoder.h"
#include "features/hybrid.h"
#include "features/resnet50.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct desy_extractor desy_extractors[] = {
    {"hybrid", DESY_HYBRID_DIMS, 3, true, true, "EfficientNet-Lite0 (1600) and forensic statistics (448)",
     desy_hybrid_open, desy_hybrid_transform, desy_hybrid_encoder, desy_hybrid_complete, desy_hybrid_describe, desy_hybrid_close},
    {"resnet50", DESY_RESNET50_DIMS, 1, false, false, "ResNet-50 (2048); needs --weights",
     desy_resnet50_open, desy_resnet50_transform, desy_resnet50_encoder, NULL, desy_resnet50_describe, desy_resnet50_close},
    {0},
};

int desy_extractor_find(const struct desy_extractor **extractor, const char *name)
{
    char names[256] = "";
    *extractor = NULL;
    for (const struct desy_extractor *e = desy_extractors; e->name; e++) {
        if (strcmp(e->name, name) == 0) {
            *extractor = e;
            return DESY_OK;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", e->name);
    }
    return desy_error(DESY_EUSAGE, "no extractor '%s'; there are %s", name, names);
}

int desy_default_batch_clips(const char *device)
{
    return strcmp(device, "cpu") == 0 ? 1 : 8;
}

void desy_extractor_finish(const struct desy_extractor *extractor, void *state, const struct desy_clip *clip, const float *rows, float *features, bool *finite)
{
    const desy_encoder *encoder = extractor->encoder(state);
    const size_t dims = (size_t)extractor->dims, made = (size_t)desy_encoder_dims(encoder), n = (size_t)clip->frames;
    for (size_t t = 0; t < n; t++) memcpy(features + t * dims, rows + t * made, made * sizeof *features);
    if (extractor->complete) extractor->complete(clip, features);
    for (size_t t = n; t < (size_t)desy_encoder_frames(encoder); t++) memcpy(features + t * dims, features + (t - 1) * dims, dims * sizeof *features);
    *finite = true;
    for (size_t i = 0; i < n * dims && *finite; i++) *finite = isfinite(features[i]);
}

int desy_extractor_extract(const struct desy_extractor *extractor, void *state, const struct desy_clip *clip, float *features, bool *finite)
{
    desy_encoder *encoder = extractor->encoder(state);
    const float *rows;
    *finite = false;
    int rc = desy_encoder_put(encoder, 0, 0, clip);
    if (rc != DESY_OK) return rc;
    rc = desy_encoder_start(encoder, 0);
    const int finished = desy_encoder_finish(encoder, 0, &rows);
    if (rc == DESY_OK) rc = finished;
    if (rc == DESY_OK) desy_extractor_finish(extractor, state, clip, rows, features, finite);
    return rc;
}

int desy_extractor_check_precision(const struct desy_extractor *extractor, enum desy_precision precision)
{
    if (!extractor->fp32_alone || precision == DESY_FP32) return DESY_OK;
    return desy_error(DESY_EUSAGE, "--precision %s: the extractor %s works in fp32 alone: its detector looks at how little features change from frame to frame, "
                      "and rounding moves that by some 5 %% (docs/features.md)", desy_precision_name(precision), extractor->name);
}
