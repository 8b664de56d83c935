#include "stages/prevalence.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "eval/prevalence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char assumption[] =
    "This holds if the scores are probabilities that were calibrated at this prior, and if AI-generated and real clips are like those of the calibration, but for how many there are of each. "
    "A new generator or a new kind of camera breaks it, and the interval does not know.";

struct count {
    int64_t clips, failed;
};

static bool describe(cJSON *json, const struct count *count, const struct desy_prevalence *estimate, double prior, const char *words, const char *file, const char *sha256)
{
    cJSON *provenance;
    return cJSON_AddNumberToObject(json, "n", (double)count->clips) && cJSON_AddNumberToObject(json, "n_failed", (double)count->failed) && cJSON_AddNumberToObject(json, "share_ai", estimate->share)
           && cJSON_AddItemToObject(json, "share_ai_ci", cJSON_CreateDoubleArray(estimate->interval, 2)) && cJSON_AddStringToObject(json, "share_ai_ci_unit", "clip (likelihood ratio, 95 %, independence assumed)")
           && cJSON_AddNumberToObject(json, "prior", prior) && cJSON_AddStringToObject(json, "words", words) && cJSON_AddStringToObject(json, "assumption", assumption)
           && (provenance = cJSON_AddObjectToObject(json, "provenance")) && cJSON_AddStringToObject(provenance, "desy", DESY_VERSION) && cJSON_AddStringToObject(provenance, "scores", file)
           && cJSON_AddStringToObject(provenance, "scores_sha256", sha256);
}

/* Rank 0. */
static int write_estimate(const struct desy_invocation *invocation, const struct count *count, const struct desy_prevalence *estimate, double prior, const char *file, const char *directory)
{
    char sha256[DESY_SHA256_HEX], *path = desy_path_join(directory, "prevalence.json");
    char *words = desy_format("an estimated %.2f %% of the %lld clips are AI-generated (95 %% interval %.2f to %.2f %%)", 100 * estimate->share, (long long)count->clips,
                              100 * estimate->interval[0], 100 * estimate->interval[1]);
    cJSON *json = cJSON_CreateObject();
    int rc = path && words && json ? desy_sha256_file(sha256, file) : desy_error_memory("the estimate");
    if (rc == DESY_OK && !describe(json, count, estimate, prior, words, desy_base_name(file), sha256)) rc = desy_error_memory("the estimate");
    if (rc == DESY_OK) rc = desy_make_directory(directory);
    if (rc == DESY_OK) rc = desy_json_write(json, path);
    if (rc == DESY_OK) {
        desy_log_info("eval: %s", words);
        desy_log_info("eval: %s", assumption);
        if (invocation->json) rc = desy_json_print(json, false, path);
    }
    cJSON_Delete(json);
    free(words);
    free(path);
    return rc;
}

int desy_prevalence_stage(struct desy_invocation *invocation, const char *file, const char *directory, double prior)
{
    desy_world *world = invocation->world;
    struct desy_scores scores = {0};
    struct desy_row_forecasts rows = {.scores = &scores};
    struct desy_prevalence estimate;
    struct count count = {0};
    int rc;
    DESY_TRY(desy_scores_read(world, &scores, file, false));
    for (size_t i = 0; i < scores.n; i++) {
        if (isnan(scores.score[i])) count.failed++;
        else count.clips++;
    }
    desy_sum_i64(world, &count.clips, 1);
    desy_sum_i64(world, &count.failed, 1);
    if (count.clips == 0) DESY_TRY(desy_error(DESY_EDATA, "none of the %lld clips of %s has a score: there is nothing to estimate from", (long long)count.failed, file));
    desy_row_forecasts_open(world, &rows);
    DESY_TRY(desy_prevalence_estimate(world, &rows.all, prior, &estimate));
    rc = desy_agree(world, desy_rank(world) == 0 ? write_estimate(invocation, &count, &estimate, prior, file, directory) : DESY_OK);
out:
    desy_scores_close(&scores);
    return rc;
}
