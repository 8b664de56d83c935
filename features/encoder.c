#include "features/encoder.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct desy_encoder {
    desy_backbone *backbone;
    int frames; /* T: the batch of every call */
    enum desy_precision precision;
    char device[16];
    float *rows; /* (T, D) */
};

int desy_encoder_open(desy_encoder **out, enum desy_backbone_kind kind, const char *weights, const struct desy_extractor_options *options)
{
    *out = NULL;
    int rc = DESY_OK;
    desy_encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder) return desy_error_memory("an encoder");
    encoder->frames = options->frames;
    encoder->precision = options->precision;
    strncpy(encoder->device, options->device, sizeof encoder->device - 1);
    struct desy_backbone_options how = {.kind = kind, .weights = weights, .device = options->device, .batch = options->frames, .dims = options->dims,
                                        .threads = options->threads, .allow_code = options->allow_code, .precision = options->precision};
    DESY_TRY(desy_backbone_open(&encoder->backbone, &how));
    encoder->rows = malloc((size_t)encoder->frames * (size_t)desy_backbone_dims(encoder->backbone) * sizeof *encoder->rows);
    if (!encoder->rows) DESY_TRY(desy_error_memory("features of a clip"));
    *out = encoder;
    encoder = NULL;
out:
    desy_encoder_close(&encoder);
    return rc;
}

int desy_encoder_run(desy_encoder *encoder, const struct desy_clip *clip, float *features, int stride)
{
    if (clip->frames < 1 || clip->frames > encoder->frames)
        return desy_error(DESY_EDATA, "a clip of %d frames where 1 to %d are expected", clip->frames, encoder->frames);
    int rc = desy_backbone_run(encoder->backbone, &clip->rgb[0][0][0][0], clip->frames, encoder->rows);
    if (rc != DESY_OK) return rc;
    size_t dims = (size_t)desy_backbone_dims(encoder->backbone);
    for (int t = 0; t < clip->frames; t++)
        memcpy(features + (size_t)t * (size_t)stride, encoder->rows + (size_t)t * dims, dims * sizeof *features);
    return DESY_OK;
}

void desy_encoder_repeat_last(const desy_encoder *encoder, const struct desy_clip *clip, float *features, int stride)
{
    size_t row = (size_t)stride;
    for (int t = clip->frames; t < encoder->frames; t++)
        memcpy(features + (size_t)t * row, features + (size_t)(t - 1) * row, row * sizeof *features);
}

int desy_encoder_dims(const desy_encoder *encoder)
{
    return desy_backbone_dims(encoder->backbone);
}

int desy_encoder_describe(const desy_encoder *encoder, cJSON *provenance)
{
    /* Which of several GPUs is a matter of the rank, not of the numbers. */
    const char *device = strncmp(encoder->device, "cuda", 4) == 0 ? "cuda" : encoder->device;
    if (!cJSON_AddStringToObject(provenance, "weights_sha256", desy_backbone_weights_sha256(encoder->backbone)) ||
        !cJSON_AddStringToObject(provenance, "precision", desy_precision_name(encoder->precision)) ||
        !cJSON_AddStringToObject(provenance, "device", device) ||
        !cJSON_AddStringToObject(provenance, "isa", desy_torch_isa()) ||
        !cJSON_AddStringToObject(provenance, "torch", desy_torch_version()) ||
        !cJSON_AddNumberToObject(provenance, "threads", desy_backbone_deciding_threads(encoder->backbone)) ||
        !cJSON_AddNumberToObject(provenance, "batch", desy_backbone_pass(encoder->backbone)))
        return desy_error_memory("provenance");
    return DESY_OK;
}

void desy_encoder_close(desy_encoder **encoder)
{
    if (!*encoder) return;
    desy_backbone_close(&(*encoder)->backbone);
    free((*encoder)->rows);
    free(*encoder);
    *encoder = NULL;
}
