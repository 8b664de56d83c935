/* desy eval --scores FILE. */
#include "stages/eval.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "eval/parts.h"
#include "eval/versus.h"

#include <stdio.h>

int desy_eval_scores(struct desy_invocation *invocation, const char *file, const char *directory)
{
    int rc, level;
    struct desy_scores scores = {0}, validation = {0}, others = {0}, others_left_out = {0};
    struct desy_parts parts, other_parts;
    char sha256[DESY_SHA256_HEX] = "", note[200];
    cJSON *provenance = cJSON_CreateObject();
    struct desy_rival rival = {.scores = &others, .name = desy_eval_settings.versus, .ours = file};
    struct desy_report_options options = {.directory = directory, .threshold = .5, .threshold_from = "default", .seed = invocation->seed, .rival = desy_eval_settings.versus ? &rival : NULL, .subject = desy_base_name(file),
                                          .level = "", .split = "", .provenance = provenance};
    rc = desy_eval_parse(&level, &options.threshold, &options.threshold_from);
    DESY_TRY(desy_agree(invocation->world, rc));
    DESY_TRY(desy_scores_read(invocation->world, &scores, file, true));
    if (desy_eval_settings.versus) DESY_TRY(desy_scores_read(invocation->world, &others, desy_eval_settings.versus, true));
    if (desy_rank(invocation->world) == 0) rc = desy_sha256_file(sha256, file); /* whose provenance counts */
    if (rc == DESY_OK && (!cJSON_AddStringToObject(provenance, "desy", DESY_VERSION) || !cJSON_AddStringToObject(provenance, "scores", desy_base_name(file))
                          || !cJSON_AddStringToObject(provenance, "scores_sha256", sha256)))
        rc = desy_error_memory("the provenance");
    options.resamples = (size_t)desy_eval_settings.resamples; /* checked by now */
    rival.threshold = options.threshold;
    if (rc == DESY_OK && desy_eval_settings.versus && desy_rank(invocation->world) == 0) rc = desy_sha256_file(sha256, desy_eval_settings.versus);
    if (rc == DESY_OK && desy_eval_settings.versus && (!cJSON_AddStringToObject(provenance, "versus", desy_base_name(desy_eval_settings.versus)) || !cJSON_AddStringToObject(provenance, "versus_sha256", sha256)))
        rc = desy_error_memory("the provenance");
    DESY_TRY(desy_agree(invocation->world, rc));
    DESY_TRY(desy_scores_divide(invocation->world, &scores, &validation, &parts));
    if (desy_eval_settings.versus) DESY_TRY(desy_scores_divide(invocation->world, &others, &others_left_out, &other_parts));
    if (parts.validation > 0 && parts.test > 0) {
        snprintf(note, sizeof note, "Of the file, the %lld rows of the split test are evaluated, and the %lld of val choose thresholds and recalibration; %lld others are left out.",
                 (long long)parts.test, (long long)parts.validation, (long long)parts.others);
        options.split = "test", options.validation = &validation, options.note = note;
    }
    DESY_TRY(desy_eval_report(invocation, &scores, &options));
out:
    desy_scores_close(&scores);
    desy_scores_close(&validation);
    desy_scores_close(&others);
    desy_scores_close(&others_left_out);
    cJSON_Delete(provenance);
    return rc;
}
