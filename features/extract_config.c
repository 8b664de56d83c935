#include "features/extract_config.h"

#include "base/error.h"
#include "base/file.h"
#include "features/augment.h"
#include "features/libraries.h"
#include "features/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int desy_extract_config(cJSON **out, const struct desy_extractor *extractor, void *state, const struct desy_clip_request *request, int views)
{
    int rc = DESY_OK;
    char seed[24];
    cJSON *config = cJSON_CreateObject();
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)request->seed); /* which a JSON number need not hold */
    if (!config || !cJSON_AddStringToObject(config, "extractor", extractor->name) ||
        !cJSON_AddNumberToObject(config, "extractor_version", extractor->version) || !cJSON_AddNumberToObject(config, "dims", extractor->dims) ||
        !cJSON_AddStringToObject(config, "layout", DESY_STORE_LAYOUT) || !cJSON_AddNumberToObject(config, "frames", request->frames) ||
        !cJSON_AddStringToObject(config, "sampling", desy_sampling_name(request->sampling)) || !cJSON_AddNumberToObject(config, "windows", request->windows) ||
        !cJSON_AddBoolToObject(config, "crops", request->crops) || !cJSON_AddBoolToObject(config, "audio", request->audio) ||
        !cJSON_AddStringToObject(config, "ffmpeg", desy_ffmpeg_version()))
        DESY_TRY(desy_error_memory("the configuration"));
    if (request->views == DESY_VIEWS_ALTERED && (!cJSON_AddNumberToObject(config, "alterations_version", DESY_ALTERATIONS_VERSION) || !cJSON_AddStringToObject(config, "alterations_seed", seed)))
        DESY_TRY(desy_error_memory("the configuration"));
    if (request->views == DESY_VIEWS_AUGMENTED && views > 0 && (!cJSON_AddNumberToObject(config, "augment", views) || !cJSON_AddNumberToObject(config, "augment_version", DESY_AUGMENT_VERSION) ||
                      !cJSON_AddStringToObject(config, "augment_seed", seed)))
        DESY_TRY(desy_error_memory("the configuration"));
    DESY_TRY(extractor->describe(state, config));
    *out = config;
    config = NULL;
out:
    cJSON_Delete(config);
    return rc;
}

static char *value_text(const cJSON *value)
{
    if (!value) return strdup("nothing");
    return cJSON_IsString(value) ? strdup(value->valuestring) : cJSON_PrintUnformatted(value);
}

static char *add_difference(char *text, const char *key, const cJSON *there, const cJSON *here)
{
    char *a = value_text(there), *b = value_text(here);
    char *longer = text && a && b ? desy_format("%s%s%s: %s there, %s here", text, *text ? "; " : "", key, a, b) : NULL;
    free(a);
    free(b);
    free(text);
    return longer;
}

char *desy_extract_differences(const cJSON *there, const cJSON *here)
{
    const cJSON *member;
    char *text = strdup("");
    cJSON_ArrayForEach(member, here) {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(there, member->string);
        if (!other || !cJSON_Compare(other, member, true)) text = add_difference(text, member->string, other, member);
    }
    cJSON_ArrayForEach(member, there)
        if (!cJSON_GetObjectItemCaseSensitive(here, member->string)) text = add_difference(text, member->string, member, NULL);
    return text;
}
