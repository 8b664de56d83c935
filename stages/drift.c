/* desy drift: are the videos of today still those that a model was made for? */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "eval/drift_report.h"
#include "stages/commands.h"
#include "stages/drift_store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *reference, *feedback, *fail_on, *device;
    int windows;
} settings = {.windows = 6, .device = "auto"};

const struct poptOption desy_drift_options[] = {
    {"reference", 0, POPT_ARG_STRING, &settings.reference, 0, "compare with these scores, of a time when all was well, in place of those of the training", "SCORES"},
    {"feedback", 0, POPT_ARG_STRING, &settings.feedback, 0, "also judge by reviewed labels (desy feedback)", "DIR|FILE"},
    {"windows", 0, POPT_ARG_INT, &settings.windows, 0, "parts of the time, or of the rows where they have none; 0: none (default 6)", "N"},
    {"fail-on", 0, POPT_ARG_STRING, &settings.fail_on, 0, "exit with 6 if the verdict is that, or worse", "watch|retrain"},
    {"device", 0, POPT_ARG_STRING, &settings.device, 0, "of a model's full forms, for a store: auto, cpu, cuda or cuda:K (default auto)", "D"},
    POPT_TABLEEND};

struct drift_run {
    struct desy_drift_rows rows, before;
    struct desy_drift_reference reference;
    struct desy_feedback feedback;
    struct desy_drift_labels labels;
    struct desy_drift drift;
    bool same_clips;
};

static void close_run(struct drift_run *run)
{
    desy_drift_rows_close(&run->rows);
    desy_drift_rows_close(&run->before);
    desy_drift_reference_close(&run->reference);
    desy_feedback_close(&run->feedback);
    desy_drift_close(&run->drift);
}

static int check_options(const struct desy_invocation *invocation, enum desy_drift_verdict *fail_on)
{
    *fail_on = DESY_VERDICT_RETRAIN + 1;
    if (invocation->argument_count != 2) return desy_error(DESY_EUSAGE, "name a model and what to compare: desy drift MODEL SCORES|STORE -o REPORT");
    if (settings.windows < 0 || settings.windows > DESY_DRIFT_WINDOWS) return desy_error(DESY_EUSAGE, "--windows is 0 to %d, not %d", DESY_DRIFT_WINDOWS, settings.windows);
    if (!settings.fail_on) return DESY_OK;
    *fail_on = strcmp(settings.fail_on, "watch") == 0 ? DESY_VERDICT_WATCH : DESY_VERDICT_RETRAIN;
    return *fail_on == DESY_VERDICT_WATCH || strcmp(settings.fail_on, "retrain") == 0 ? DESY_OK : desy_error(DESY_EUSAGE, "--fail-on is watch or retrain, not '%s'", settings.fail_on);
}

/* Rank 0. */
static int assess(const struct desy_invocation *invocation, const desy_classifier *classifier, struct drift_run *run)
{
    int rc = DESY_OK;
    if (settings.reference) {
        DESY_TRY(desy_drift_rows_read(&run->before, settings.reference));
        DESY_TRY(desy_drift_reference_replace(&run->reference, &run->before, settings.reference));
    }
    DESY_TRY(desy_drift_assess(&run->rows, &run->reference, (size_t)settings.windows, invocation->seed, &run->drift));
    if (!settings.feedback) return DESY_OK;
    DESY_TRY(desy_feedback_read(&run->feedback, settings.feedback));
    if (run->feedback.damaged) desy_log_warning("drift: %s: %zu lines are no records, and are left out", settings.feedback, run->feedback.damaged);
    rc = desy_drift_labels_measure(&run->feedback, desy_classifier_name(classifier), desy_classifier_threshold(classifier), desy_json_number_of(desy_classifier_out_of_fold(classifier), "roc_auc"), invocation->seed, &run->labels);
out:
    return rc;
}

static void print_words(const cJSON *json, const char *key, const char *before)
{
    const cJSON *line;
    cJSON_ArrayForEach(line, desy_json_member(json, key)) {
        fputs(before, stdout);
        desy_text_print(stdout, line->valuestring);
        putchar('\n');
    }
}

static int write_report(const struct desy_invocation *invocation, const cJSON *json)
{
    char *path = NULL;
    int rc = DESY_OK;
    if (invocation->output) {
        DESY_TRY(desy_make_directory(invocation->output));
        DESY_TRY(desy_drift_page_write(json, invocation->output));
        path = desy_path_join(invocation->output, "drift.json");
        DESY_TRY(path ? desy_json_write(json, path) : desy_error_memory("a path"));
        desy_log_info("drift: the report is %s/drift.html", invocation->output);
    }
    if (invocation->json) DESY_TRY(desy_json_print(json, true, "the report"));
    if (invocation->json) goto out;
    printf("%s\n", desy_json_text_of(json, "verdict"));
    print_words(json, "reasons", "  ");
    print_words(json, "notes", "  note: ");
out:
    free(path);
    return rc;
}

static int report(const struct desy_invocation *invocation, const desy_classifier *classifier, const struct drift_run *run, enum desy_drift_verdict fail_on)
{
    cJSON *json = NULL;
    const struct desy_drift_report of = {desy_classifier_name(classifier), desy_classifier_sha256(classifier), invocation->arguments[1], &run->rows, &run->reference, &run->drift,
                                         settings.feedback ? &run->labels : NULL, run->same_clips, invocation->seed};
    const enum desy_drift_verdict verdict = desy_drift_verdict(&of);
    int rc = desy_drift_json(&json, &of);
    if (rc == DESY_OK) rc = write_report(invocation, json);
    cJSON_Delete(json);
    return rc == DESY_OK && verdict >= fail_on ? desy_error(DESY_EDRIFT, "the verdict is %s", desy_drift_verdict_names[verdict]) : rc;
}

int desy_drift_command(struct desy_invocation *invocation)
{
    desy_world *world = invocation->world;
    desy_classifier *classifier = NULL;
    struct drift_run run = {0};
    enum desy_drift_verdict fail_on;
    const bool first = desy_rank(world) == 0;
    bool store = false;
    int rc = check_options(invocation, &fail_on);
    DESY_TRY(desy_agree(world, rc));
    store = desy_is_directory(invocation->arguments[1]);
    rc = desy_drift_open_model(&classifier, invocation->arguments[0], store ? settings.device : "cpu", world);
    if (rc == DESY_OK) rc = desy_drift_reference_read(&run.reference, desy_classifier_model(classifier), desy_classifier_directory(classifier));
    DESY_TRY(desy_agree(world, rc));
    if (store) DESY_TRY(desy_drift_score_store(world, classifier, invocation->arguments[0], invocation->arguments[1], &run.reference, &run.rows, &run.same_clips));
    else if (first) rc = desy_drift_rows_read(&run.rows, invocation->arguments[1]);
    if (rc == DESY_OK && first) rc = assess(invocation, classifier, &run);
    DESY_TRY(desy_agree(world, rc));
    rc = first ? report(invocation, classifier, &run, fail_on) : DESY_OK;
    rc = desy_agree(world, rc);
out:
    close_run(&run);
    desy_classifier_close(&classifier);
    return rc;
}
