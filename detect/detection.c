#include "detect/detection.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum { TEXTS = 6 };

struct desy_detection *desy_detection_of(const cJSON *result)
{
    static const char *const keys[TEXTS] = {"video_path", "status", "reason", "warning", "reliability", "model"};
    const cJSON *levels = desy_json_member(result, "feature_scores"), *verdict = desy_json_member(result, "is_ai_generated");
    size_t length = 0;
    for (int i = 0; i < TEXTS; i++) length += desy_json_text_of(result, keys[i]) ? strlen(desy_json_text_of(result, keys[i])) + 1 : 0;
    struct desy_detection *detection = malloc(sizeof *detection + length);
    if (!detection) return NULL;
    *detection = (struct desy_detection){
        .is_ai_generated = cJSON_IsBool(verdict) ? cJSON_IsTrue(verdict) : -1,
        .calibrated = cJSON_IsTrue(desy_json_member(result, "calibrated")),
        .windows = cJSON_IsNumber(desy_json_member(result, "windows")) ? (int)desy_json_number_of(result, "windows") : 0,
        .confidence = desy_json_number_of(result, "confidence"), .logit = desy_json_number_of(result, "logit"),
        .prior = desy_json_number_of(result, "prior"), .threshold = desy_json_number_of(result, "threshold"),
        .low = desy_json_number_of(levels, "low"), .mid = desy_json_number_of(levels, "mid"), .high = desy_json_number_of(levels, "high"),
    };
    const char **texts[TEXTS] = {&detection->video_path, &detection->status, &detection->reason, &detection->warning, &detection->reliability, &detection->model};
    char *end = (char *)(detection + 1);
    for (int i = 0; i < TEXTS; i++) {
        const char *text = desy_json_text_of(result, keys[i]);
        *texts[i] = text ? end : NULL;
        if (text) end = stpcpy(end, text) + 1;
    }
    return detection;
}
