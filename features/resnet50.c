#include "features/resnet50.h"

#include "base/error.h"
#include "base/safetensors.h"
#include "features/encoder.h"

#include <stdlib.h>
#include <string.h>

static const struct preprocess {
    const char *name;
    enum desy_transform transform;
} preprocesses[] = {{"resize256-crop224", DESY_TRANSFORM_RESNET}, {"squash224", DESY_TRANSFORM_SQUASH}};

struct resnet50 {
    desy_encoder *encoder;
    const struct preprocess *preprocess;
};

static int read_preprocess(const struct preprocess **preprocess, const char *weights)
{
    size_t length = strlen(weights), n = sizeof preprocesses / sizeof *preprocesses;
    *preprocess = &preprocesses[0];
    if (length > 3 && strcmp(weights + length - 3, ".pt") == 0) return DESY_OK; /* TorchScript */
    desy_safetensors *file = NULL;
    int rc = desy_safetensors_open(&file, weights);
    if (rc != DESY_OK) return rc;
    const char *name = desy_safetensors_metadata(file, "preprocess");
    size_t i = 0;
    while (name && i < n && strcmp(name, preprocesses[i].name) != 0) i++;
    if (i < n) *preprocess = &preprocesses[i];
    else rc = desy_error(DESY_EENV, "%s: its preprocess '%.64s' is not known; there are %s and %s", weights, name, preprocesses[0].name, preprocesses[1].name);
    desy_safetensors_close(&file);
    return rc;
}

int desy_resnet50_open(void **state, const struct desy_extractor_options *options)
{
    int rc;
    *state = NULL;
    if (!options->weights)
        return desy_error(DESY_EENV, "the extractor resnet50 ships without weights; save torchvision's or timm's resnet50 with "
                                     "safetensors.torch.save_file(model.state_dict(), FILE) and give --weights FILE");
    struct resnet50 *resnet = calloc(1, sizeof *resnet);
    if (!resnet) return desy_error_memory("an extractor");
    void *opened = resnet;
    DESY_TRY(desy_encoder_open(&resnet->encoder, DESY_BACKBONE_RESNET50, options->weights, options));
    DESY_TRY(read_preprocess(&resnet->preprocess, options->weights));
    *state = opened;
    opened = NULL;
out:
    desy_resnet50_close(&opened);
    return rc;
}

enum desy_transform desy_resnet50_transform(const void *state)
{
    return ((const struct resnet50 *)state)->preprocess->transform;
}

desy_encoder *desy_resnet50_encoder(void *state)
{
    return ((struct resnet50 *)state)->encoder;
}

int desy_resnet50_describe(void *state, cJSON *provenance)
{
    const struct resnet50 *resnet = state;
    if (!cJSON_AddStringToObject(provenance, "preprocess", resnet->preprocess->name)) return desy_error_memory("provenance");
    return desy_encoder_describe(resnet->encoder, provenance);
}

void desy_resnet50_close(void **state)
{
    struct resnet50 *resnet = *state;
    if (!resnet) return;
    desy_encoder_close(&resnet->encoder);
    free(resnet);
    *state = NULL;
}
