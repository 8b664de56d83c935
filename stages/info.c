/* desy info: what is inside a store or a model, checksums verified. */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "features/store.h"
#include "stages/commands.h"
#include "train/detector.h"

#include <stdlib.h>

static int describe_store(cJSON *report, const char *path)
{
    int rc;
    char sha256[65];
    desy_store *store = NULL;
    size_t labels[3] = {0}, failed = 0;
    DESY_TRY(desy_store_open(&store, path));
    DESY_TRY(desy_store_verify(store));
    DESY_TRY(desy_store_content_sha256(store, sha256));
    for (size_t i = 0; i < desy_store_items(store); i++) {
        struct desy_store_row row;
        DESY_TRY(desy_store_read_rows(store, i, 1, &row));
        labels[row.label + 1]++;
        failed += row.status != DESY_STATUS_OK;
        desy_store_row_free(&row);
    }
    cJSON_AddStringToObject(report, "kind", "store");
    cJSON_AddStringToObject(report, "path", path);
    cJSON_AddStringToObject(report, "extractor", desy_store_extractor(store));
    cJSON_AddNumberToObject(report, "items", (double)desy_store_items(store));
    cJSON_AddNumberToObject(report, "rows", (double)desy_store_rows(store));
    cJSON_AddNumberToObject(report, "frames", desy_store_frames(store));
    cJSON_AddNumberToObject(report, "dims", desy_store_dims(store));
    cJSON_AddNumberToObject(report, "n_pos", (double)labels[2]);
    cJSON_AddNumberToObject(report, "n_neg", (double)labels[1]);
    cJSON_AddNumberToObject(report, "n_unlabelled", (double)labels[0]);
    cJSON_AddNumberToObject(report, "n_failed", (double)failed);
    cJSON_AddStringToObject(report, "content_sha256", sha256);
out:
    desy_store_close(&store);
    return rc;
}

static int describe_model(cJSON *report, const char *path)
{
    int rc;
    cJSON *model = NULL;
    char *json = NULL;
    desy_detector *detector = NULL;
    DESY_TRY(desy_detector_open(&detector, path, "cpu"));
    json = desy_path_join(desy_detector_directory(detector), "model.json");
    if (!json) DESY_TRY(desy_error_memory("a path"));
    DESY_TRY(desy_json_read(&model, json));
    cJSON_AddStringToObject(report, "kind", "model");
    cJSON_AddStringToObject(report, "path", desy_detector_directory(detector));
    cJSON_AddStringToObject(report, "model_sha256", desy_detector_sha256(detector));
    while (model->child) {
        cJSON *member = cJSON_DetachItemViaPointer(model, model->child);
        cJSON_AddItemToObject(report, member->string, member);
    }
out:
    cJSON_Delete(model);
    free(json);
    desy_detector_close(&detector);
    return rc;
}

int desy_info_command(struct desy_invocation *invocation)
{
    int rc;
    if (invocation->argument_count != 1) return desy_error(DESY_EUSAGE, "name one store or one model: desy info STORE|MODEL");
    const char *path = invocation->arguments[0];
    if (invocation->output) return desy_error(DESY_EUSAGE, "info prints to stdout and takes no -o");
    char *text = NULL, *index = desy_path_join(path, "extract.json"), *model = desy_path_join(path, "model.json"), *current = desy_path_join(path, "current");
    cJSON *report = cJSON_CreateObject(), *member = NULL;
    if (!index || !model || !current || !report) DESY_TRY(desy_error_memory("the report"));
    if (!desy_file_exists(index) && !desy_file_exists(model) && !desy_file_exists(current))
        DESY_TRY(desy_error(DESY_EDATA, "%s: neither a feature store (extract.json, index.h5) nor a model (model.json, or current)", path));
    DESY_TRY(desy_file_exists(index) ? describe_store(report, path) : describe_model(report, path));
    if (invocation->json) rc = desy_json_print(report, true, path);
    else
        cJSON_ArrayForEach(member, report)
        {
            DESY_TRY(desy_json_text(&text, member, false, path));
            printf("%-16s %s\n", member->string, text);
            free(text);
            text = NULL;
        }
out:
    cJSON_Delete(report);
    free(text);
    free(index);
    free(model);
    free(current);
    return rc;
}
