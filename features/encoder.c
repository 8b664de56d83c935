#include "features/encoder.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct desy_encoder {
    desy_backbone *backbone;
    int frames; /* T */
    enum desy_precision precision;
    char device[16];
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
    struct desy_backbone_options how = {.kind = kind, .weights = weights, .device = options->device, .frames = options->frames, .clips = options->clips, .dims = options->dims,
                                        .threads = options->threads, .allow_code = options->allow_code, .precision = options->precision};
    DESY_TRY(desy_backbone_open(&encoder->backbone, &how));
    *out = encoder;
    encoder = NULL;
out:
    desy_encoder_close(&encoder);
    return rc;
}

int desy_encoder_put(desy_encoder *encoder, int slot, int place, const struct desy_clip *clip)
{
    if (clip->frames < 1 || clip->frames > encoder->frames)
        return desy_error(DESY_EDATA, "a clip of %d frames where 1 to %d are expected", clip->frames, encoder->frames);
    return desy_backbone_put(encoder->backbone, slot, place, &clip->rgb[0][0][0][0], clip->frames);
}

int desy_encoder_start(desy_encoder *encoder, int slot)
{
    return desy_backbone_start(encoder->backbone, slot);
}

int desy_encoder_finish(desy_encoder *encoder, int slot, const float **rows)
{
    return desy_backbone_finish(encoder->backbone, slot, rows);
}

int desy_encoder_dims(const desy_encoder *encoder)
{
    return desy_backbone_dims(encoder->backbone);
}

int desy_encoder_frames(const desy_encoder *encoder)
{
    return encoder->frames;
}

int desy_encoder_clips(const desy_encoder *encoder)
{
    return desy_backbone_clips(encoder->backbone);
}

int desy_encoder_deciding_clips(const desy_encoder *encoder)
{
    const int clips = desy_backbone_pass(encoder->backbone) / encoder->frames;
    return clips > 1 ? clips : 1;
}

int desy_encoder_describe(const desy_encoder *encoder, cJSON *provenance)
{
    /* Which of several GPUs is a matter of the rank, not of the numbers. */
    const char *device = strncmp(encoder->device, "cuda", 4) == 0 ? "cuda" : encoder->device;
    char gpu[300];
    int rc = desy_torch_gpu(gpu, encoder->device);
    if (rc != DESY_OK) return rc;
    if (*gpu && !cJSON_AddStringToObject(provenance, "gpu", gpu)) return desy_error_memory("provenance");
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
    free(*encoder);
    *encoder = NULL;
}
