#include "features/hybrid.h"

#include "base/error.h"
#include "base/file.h"
#include "features/encoder.h"

#include <stdlib.h>
#include <string.h>

static const char *const weights_name = "efficientnet-lite0.safetensors";

int desy_hybrid_open(void **state, const struct desy_extractor_options *options)
{
    *state = NULL;
    int rc = DESY_OK;
    desy_encoder *encoder = NULL;
    const char *directory = getenv("DESY_WEIGHTS_DIR");
    if (!directory || !*directory) directory = DESY_DEFAULT_WEIGHTS_DIR;
    char *place = options->weights ? NULL : desy_path_join(directory, weights_name);
    if (!options->weights && !place) DESY_TRY(desy_error_memory("a path"));
    DESY_TRY(desy_encoder_open(&encoder, DESY_BACKBONE_EFFICIENTNET_LITE0, place ? place : options->weights, options));
    *state = encoder;
out:
    free(place);
    return rc;
}

enum desy_transform desy_hybrid_transform(const void *state)
{
    (void)state;
    return DESY_TRANSFORM_EFFICIENTNET;
}

int desy_hybrid_extract(void *state, const struct desy_clip *clip, float *features)
{
    desy_encoder *encoder = state;
    int rc = desy_encoder_run(encoder, clip, features, DESY_HYBRID_DIMS);
    if (rc != DESY_OK) return rc;
    for (int t = 0; t < clip->frames; t++)
        memcpy(features + (size_t)t * DESY_HYBRID_DIMS + DESY_ENCODER_DIMS + DESY_TEXTURE_DIMS, clip->forensic[t], sizeof clip->forensic[t]);
    desy_encoder_repeat_last(encoder, clip, features, DESY_HYBRID_DIMS);
    return DESY_OK;
}

int desy_hybrid_describe(void *state, cJSON *provenance)
{
    return desy_encoder_describe(state, provenance);
}

void desy_hybrid_close(void **state)
{
    desy_encoder *encoder = *state;
    desy_encoder_close(&encoder);
    *state = NULL;
}
