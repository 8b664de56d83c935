#include "features/torchscript.h"

#include "base/error.h"
#include "features/encoder.h"

#include <ctype.h>
#include <string.h>

static int open_module(void **state, const struct desy_extractor_options *options)
{
    desy_encoder *encoder = NULL;
    int rc = desy_encoder_open(&encoder, DESY_BACKBONE_TORCHSCRIPT, options->weights, options);
    *state = encoder;
    return rc;
}

static enum desy_transform transform(const void *state)
{
    (void)state;
    return DESY_TRANSFORM_RESNET;
}

static desy_encoder *encoder_of(void *state)
{
    return state;
}

static int describe(void *state, cJSON *provenance)
{
    return desy_encoder_describe(state, provenance);
}

static void close_module(void **state)
{
    desy_encoder *encoder = *state;
    desy_encoder_close(&encoder);
    *state = NULL;
}

bool desy_is_torchscript(const char *word)
{
    const size_t length = strlen(word);
    return length > 3 && strcmp(word + length - 3, ".pt") == 0;
}

int desy_torchscript_extractor(struct desy_torchscript *made, const char *file, int dims)
{
    const char *slash = strrchr(file, '/'), *stem = slash ? slash + 1 : file;
    const size_t length = strlen(stem) - 3;
    if (dims < 1 || dims > DESY_TORCHSCRIPT_MOST_DIMS)
        return desy_error(DESY_EUSAGE, "the TorchScript encoder %s needs --dims D, the numbers it gives a frame (1 to %d)", file, DESY_TORCHSCRIPT_MOST_DIMS);
    memset(made, 0, sizeof *made);
    for (size_t i = 0; i < length && i < sizeof made->name - 1; i++) made->name[i] = isalnum((unsigned char)stem[i]) || stem[i] == '-' ? stem[i] : '_';
    for (const struct desy_extractor *e = desy_extractors; e->name; e++)
        if (strcmp(e->name, made->name) == 0)
            return desy_error(DESY_EUSAGE, "%s: a TorchScript encoder goes by the name of its file, and '%s' is another extractor: rename the file", file, e->name);
    if (!*made->name) return desy_error(DESY_EUSAGE, "%s: a TorchScript encoder goes by the name of its file, and this has none", file);
    made->extractor = (struct desy_extractor){.name = made->name, .dims = dims, .version = 1, .open = open_module, .transform = transform,
                                              .encoder = encoder_of, .describe = describe, .close = close_module};
    return DESY_OK;
}
