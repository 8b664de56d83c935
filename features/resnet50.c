#include "features/resnet50.h"

#include "base/error.h"
#include "features/encoder.h"

int desy_resnet50_open(void **state, const struct desy_extractor_options *options)
{
    *state = NULL;
    if (!options->weights)
        return desy_error(DESY_EENV, "the extractor resnet50 ships without weights; save torchvision's or timm's resnet50 with "
                                     "safetensors.torch.save_file(model.state_dict(), FILE) and give --weights FILE");
    desy_encoder *encoder = NULL;
    int rc = desy_encoder_open(&encoder, DESY_BACKBONE_RESNET50, options->weights, options);
    if (rc == DESY_OK) *state = encoder;
    return rc;
}

int desy_resnet50_extract(void *state, const struct desy_clip *clip, float *features)
{
    desy_encoder *encoder = state;
    int rc = desy_encoder_run(encoder, clip, features, DESY_RESNET50_DIMS);
    if (rc == DESY_OK) desy_encoder_repeat_last(encoder, clip, features, DESY_RESNET50_DIMS);
    return rc;
}

int desy_resnet50_describe(void *state, cJSON *provenance)
{
    return desy_encoder_describe(state, provenance);
}

void desy_resnet50_close(void **state)
{
    desy_encoder *encoder = *state;
    desy_encoder_close(&encoder);
    *state = NULL;
}
