#include "eval/drift_reference.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/safetensors.h"
#include "eval/interval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_COLUMNS 1000
#define MOST_REPLACED 5000 /* values that another day's scores are held as: more would make every exact test slow */

static int damaged(const char *directory, const char *what)
{
    return desy_error(DESY_EDATA, "%s: the member drift of model.json is damaged (%s): take the model anew", directory, what);
}

/* object.quantiles. */
static int read_quantiles(const cJSON *object, const char *directory, double **values, size_t *n)
{
    const cJSON *list = desy_json_member(object, "quantiles"), *value;
    if (!cJSON_IsArray(list)) return damaged(directory, "no quantiles");
    *values = malloc(((size_t)cJSON_GetArraySize(list) + 1) * sizeof **values);
    if (!*values) return desy_error_memory("the model's reference");
    *n = 0;
    cJSON_ArrayForEach(value, list) {
        if (!cJSON_IsNumber(value) || !isfinite(value->valuedouble) || (*n > 0 && value->valuedouble < (*values)[*n - 1])) return damaged(directory, "quantiles that do not ascend");
        (*values)[(*n)++] = value->valuedouble;
    }
    return DESY_OK;
}

static int read_features(struct desy_drift_reference *reference, const cJSON *list, const char *directory)
{
    const cJSON *feature;
    int rc = DESY_OK;
    if (cJSON_GetArraySize(list) > MOST_COLUMNS) return damaged(directory, "too many features");
    reference->features = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *reference->features);
    if (!reference->features) return desy_error_memory("the model's reference");
    cJSON_ArrayForEach(feature, list) {
        struct desy_drift_feature *of = &reference->features[reference->columns++];
        const char *name = desy_json_text_of(feature, "name");
        if (!name) return damaged(directory, "a feature without a name");
        if (!(of->name = strdup(name))) return desy_error_memory("the model's reference");
        DESY_TRY(read_quantiles(feature, directory, &of->values, &of->n));
    }
out:
    return rc;
}

static int read_rows(struct desy_drift_reference *reference, const cJSON *drift, const char *directory)
{
    desy_safetensors *file = NULL;
    char sha256[DESY_SHA256_HEX], *path = desy_path_join(directory, "drift.safetensors");
    const char *expected = desy_json_text_of(drift, "sha256");
    int rc = path ? DESY_OK : desy_error_memory("a path");
    if (rc != DESY_OK || !expected) goto out; /* none was kept */
    DESY_TRY(desy_sha256_file(sha256, path));
    if (strcmp(sha256, expected) != 0) DESY_TRY(desy_error(DESY_EDATA, "%s: is damaged, or of another model: its SHA-256 is not that of model.json", path));
    DESY_TRY(desy_safetensors_open(&file, path));
    const struct desy_tensor *tensor = desy_safetensors_find(file, "summaries");
    if (!tensor || strcmp(tensor->dtype, "F32") != 0 || tensor->dimensions != 2 || (size_t)tensor->shape[1] != reference->columns) DESY_TRY(damaged(directory, "drift.safetensors has other columns"));
    reference->n_rows = (size_t)tensor->shape[0];
    reference->rows = malloc((tensor->count + 1) * sizeof *reference->rows);
    if (!reference->rows) DESY_TRY(desy_error_memory("the model's reference"));
    for (size_t i = 0; i < tensor->count; i++) reference->rows[i] = ((const float *)tensor->data)[i];
out:
    desy_safetensors_close(&file);
    free(path);
    return rc;
}

int desy_drift_reference_read(struct desy_drift_reference *reference, const cJSON *model, const char *directory)
{
    const cJSON *drift = desy_json_member(model, "drift"), *scores = desy_json_member(drift, "scores");
    const char *over = desy_json_text_of(drift, "over");
    int rc = DESY_OK;
    *reference = (struct desy_drift_reference){0};
    if (!drift) return desy_error(DESY_EDATA, "%s: this model keeps nothing of its training that scores could be compared with (an older version of desy made it): train it again, into a new --save-dir", directory);
    snprintf(reference->over, sizeof reference->over, "%s", over ? over : "the training clips");
    for (int s = 0; s < DESY_DRIFT_SCORES; s++) {
        const cJSON *of = desy_json_member(scores, desy_drift_score_names[s]);
        if (of) DESY_TRY(read_quantiles(of, directory, &reference->scores[s], &reference->n_scores[s]));
    }
    if (reference->n_scores[DESY_DRIFT_LOGIT] == 0) return damaged(directory, "no quantiles of the logit");
    DESY_TRY(read_features(reference, desy_json_member(drift, "features"), directory));
    rc = read_rows(reference, drift, directory);
out:
    return rc;
}

int desy_drift_reference_replace(struct desy_drift_reference *reference, const struct desy_drift_rows *rows, const char *name)
{
    snprintf(reference->over, sizeof reference->over, "scores: the %zu clips of %s", rows->n, name);
    for (int s = 0; s < DESY_DRIFT_SCORES; s++) {
        double *values = malloc((rows->n + 1) * sizeof *values);
        size_t n = 0, kept;
        if (!values) return desy_error_memory("the reference");
        for (size_t i = 0; i < rows->n; i++)
            if (!isnan(rows->rows[i].score[s])) values[n++] = rows->rows[i].score[s];
        qsort(values, n, sizeof *values, desy_ascending);
        kept = n < MOST_REPLACED ? n : MOST_REPLACED;
        for (size_t k = 0; k < kept && kept < n; k++) values[k] = values[(size_t)llrint((double)k * (double)(n - 1) / (double)(kept - 1))]; /* never one that was overwritten: k <= its source */
        free(reference->scores[s]);
        reference->scores[s] = values;
        reference->n_scores[s] = kept;
    }
    return DESY_OK;
}

void desy_drift_reference_close(struct desy_drift_reference *reference)
{
    for (int s = 0; s < DESY_DRIFT_SCORES; s++) free(reference->scores[s]);
    for (size_t k = 0; k < reference->columns; k++) {
        free(reference->features[k].name);
        free(reference->features[k].values);
    }
    free(reference->features);
    free(reference->rows);
    *reference = (struct desy_drift_reference){0};
}
