/* desy run: check, extract, train, eval, one after the other; what is done already is not done again. */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "features/dataset.h"
#include "stages/commands.h"
#include "stages/eval.h"
#include "train/items.h"

#include <stdlib.h>
#include <string.h>

const struct poptOption desy_run_options[] = {
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desy_check_options, 0, "Options of check:", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desy_extract_options, 0, "Options of extract:", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desy_train_options, 0, "Options of train:", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desy_eval_options, 0, "Options of eval:", NULL},
    POPT_TABLEEND};

struct paths {
    char *check, *store, *models, *report, *metrics;
};

static int make_paths(struct paths *paths, const char *directory)
{
    *paths = (struct paths){desy_path_join(directory, "check.json"), desy_path_join(directory, "store"),
        desy_path_join(directory, "best_models_pth"), desy_path_join(directory, "report"), desy_path_join(directory, "report/metrics.json")};
    return paths->check && paths->store && paths->models && paths->report && paths->metrics ? DESY_OK : desy_error_memory("paths");
}

static void free_paths(struct paths *paths)
{
    free(paths->check);
    free(paths->store);
    free(paths->models);
    free(paths->report);
    free(paths->metrics);
}

/* Rank 0: can a model be trained on this list, and is there a check.json of it that will do? */
static int look_at_list(bool *is_done, const char *check, const char *dataset_path, uint64_t seed)
{
    char sha256[65];
    cJSON *report = NULL;
    const char *of = "";
    desy_dataset *dataset = NULL;
    int rc;
    *is_done = false;
    DESY_TRY(desy_dataset_open(&dataset, dataset_path, true));
    DESY_TRY(desy_items_check(dataset, seed));
    DESY_TRY(desy_dataset_sha256(dataset, sha256));
    if (desy_file_exists(check) && desy_json_read(&report, check) == DESY_OK && desy_json_string(&of, report, "dataset_sha256", check) == DESY_OK)
        *is_done = strcmp(of, sha256) == 0 && desy_check_suffices(report);
out:
    cJSON_Delete(report);
    desy_dataset_close(&dataset);
    return rc;
}

static void print_summary(const struct paths *paths)
{
    cJSON *metrics = NULL;
    if (desy_json_read(&metrics, paths->metrics) != DESY_OK) return;
    const cJSON *auc = cJSON_GetObjectItem(metrics, "roc_auc"), *folds = cJSON_GetObjectItem(metrics, "out_of_fold");
    if (cJSON_IsNumber(cJSON_GetObjectItem(folds, "roc_auc")))
        desy_log_info("AUC out of fold: %.4f, over %s", cJSON_GetObjectItem(folds, "roc_auc")->valuedouble, cJSON_GetStringValue(cJSON_GetObjectItem(folds, "over")));
    if (cJSON_IsNumber(auc)) desy_log_info("AUC on the test part: %.4f", auc->valuedouble);
    desy_log_info("model: %s", paths->models);
    desy_log_info("report: %s/report.html", paths->report);
    cJSON_Delete(metrics);
}

static int run_stages(struct desy_invocation *invocation, const char *dataset, const struct paths *paths)
{
    int rc = DESY_OK, partial = DESY_OK;
    bool checked = false;
    desy_world *world = invocation->world;
    if (desy_rank(world) == 0) {
        rc = look_at_list(&checked, paths->check, dataset, invocation->seed);
        if (rc == DESY_OK) rc = desy_make_directory(invocation->output);
    }
    DESY_TRY(desy_agree(world, rc));
    desy_broadcast(world, &checked, sizeof checked, 0);
    if (checked) desy_log_info("check: done already");
    else DESY_TRY(desy_check_stage(invocation, dataset, paths->check));
    partial = desy_extract_stage(invocation, dataset, paths->store);
    if (partial != DESY_EPARTIAL) DESY_TRY(partial);
    DESY_TRY(desy_train_stage(invocation, paths->store, paths->models));
    desy_eval_settings.device = desy_extract_device(); /* of one name, the first table has the option */
    DESY_TRY(desy_eval_stage(invocation, paths->store, paths->models, paths->report, true));
    if (desy_rank(world) == 0) print_summary(paths);
    if (partial == DESY_EPARTIAL) rc = desy_error(DESY_EPARTIAL, "finished, but some videos could not be read: see %s/quarantine.jsonl", paths->store);
out:
    return rc;
}

int desy_run_command(struct desy_invocation *invocation)
{
    struct paths paths = {0};
    if (invocation->argument_count != 1 || !invocation->output) return desy_error(DESY_EUSAGE, "run needs one data set and a directory to write to: desy run DATASET -o DIR");
    int rc = make_paths(&paths, invocation->output);
    if (rc == DESY_OK) rc = run_stages(invocation, invocation->arguments[0], &paths);
    free_paths(&paths);
    return rc;
}
