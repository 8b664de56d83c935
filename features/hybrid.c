#include "features/hybrid.h"

#include "base/error.h"
#include "base/file.h"
#include "base/installed.h"
#include "base/log.h"
#include "features/encoder.h"

#include <stdlib.h>
#include <string.h>

#define NAME "efficientnet-lite0.safetensors"

/* Of the file that cmake/fetch_weights.sh makes. */
static const char *const weights_sha256 = "888e76e7429aa0277465b35886279b27e1f7e3e536b3af6aad4c6e91ad6b6ce8";

/* Others may be meant; but a damaged file has a shape that fits, too. */
static int check_weights(desy_encoder *encoder, const char *path)
{
    cJSON *facts = cJSON_CreateObject();
    int rc = desy_encoder_describe(encoder, facts);
    const char *found = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(facts, "weights_sha256"));
    if (rc == DESY_OK && found && strcmp(found, weights_sha256) != 0)
        desy_log_warning("%s: these are not the weights that cmake/fetch_weights.sh makes (their SHA-256 is %.12s...): damaged, unless they are your own", path, found);
    cJSON_Delete(facts);
    return rc;
}

/* New string: where the environment says; in the tree that this was installed to, if they are there; where the build says. NULL: no memory. */
static char *default_weights(void)
{
    const char *directory = getenv("DESY_WEIGHTS_DIR");
    const bool named = directory && *directory;
    char *installed = named ? NULL : desy_installed_file(DESY_DATADIR "/desy/weights/" NAME);
    return installed ? installed : desy_path_join(named ? directory : DESY_DEFAULT_WEIGHTS_DIR, NAME);
}

int desy_hybrid_open(void **state, const struct desy_extractor_options *options)
{
    *state = NULL;
    int rc = DESY_OK;
    desy_encoder *encoder = NULL;
    char *place = options->weights ? NULL : default_weights();
    if (!options->weights && !place) DESY_TRY(desy_error_memory("a path"));
    DESY_TRY(desy_encoder_open(&encoder, DESY_BACKBONE_EFFICIENTNET_LITE0, place ? place : options->weights, options));
    *state = encoder;
    rc = check_weights(encoder, place ? place : options->weights);
out:
    free(place);
    return rc;
}

enum desy_transform desy_hybrid_transform(const void *state)
{
    (void)state;
    return DESY_TRANSFORM_EFFICIENTNET;
}

desy_encoder *desy_hybrid_encoder(void *state)
{
    return state;
}

void desy_hybrid_complete(const struct desy_clip *clip, float *features)
{
    for (int t = 0; t < clip->frames; t++)
        memcpy(features + (size_t)t * DESY_HYBRID_DIMS + DESY_ENCODER_DIMS + DESY_TEXTURE_DIMS, clip->forensic[t], sizeof clip->forensic[t]);
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
