#include "eval/compare.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "eval/html.h"
#include "eval/page.h"
#include "eval/svg.h"

#include <stdlib.h>
#include <string.h>

static const char *const copied[] = {"n", "n_pos", "n_neg", "n_failed", "split", "level", "threshold", "threshold_from", "roc_auc", "roc_auc_ci", "average_precision", "average_precision_real", "eer",
                                     "tpr", "tpr_ci", "fpr", "fpr_ci", "accuracy", "accuracy_ci", "brier", "ece"};

/* What the summary of each is made of. */
static bool fill_run(cJSON *run, const char *report, const cJSON *metrics)
{
    const cJSON *entry, *model = desy_json_member(desy_json_member(metrics, "provenance"), "model");
    bool ok = cJSON_AddStringToObject(run, "report", report) && desy_json_add_copy(run, model ? "of" : "scores", model ? model : desy_json_member(desy_json_member(metrics, "provenance"), "scores"));
    for (size_t i = 0; ok && i < sizeof copied / sizeof *copied; i++) ok = desy_json_add_copy(run, copied[i], desy_json_member(metrics, copied[i]));
    cJSON_ArrayForEach(entry, desy_json_member(metrics, "tpr_at_fpr"))
        if (ok && desy_json_number_of(entry, "fpr_limit") == .01) ok = desy_json_add_copy(run, "tpr_at_1_percent", desy_json_member(entry, "tpr"));
    return ok && desy_json_add_copy(run, "headline_auc_ci", desy_json_member(desy_json_member(metrics, "headline_ci"), "roc_auc")) && desy_json_add_copy(run, "slope", desy_json_member(desy_json_member(metrics, "calibration"), "slope"))
           && desy_json_add_copy(run, "controls", desy_json_member(desy_json_member(metrics, "controls"), "verdict")) && desy_json_add_copy(run, "provenance", desy_json_member(metrics, "provenance"));
}

/* Are all runs alike in this? Absent in all: they are. */
static bool alike(const cJSON *runs, const char *key)
{
    const cJSON *run, *first = desy_json_member(runs->child, key);
    cJSON_ArrayForEach(run, runs) {
        const cJSON *here = desy_json_member(run, key);
        if (!first != !here || (first && !cJSON_Compare(first, here, true))) return false;
    }
    return true;
}

static bool add_notes(cJSON *comparison, const cJSON *runs)
{
    cJSON *notes = cJSON_AddArrayToObject(comparison, "notes");
    bool ok = notes != NULL;
    if (ok && !(alike(runs, "n") && alike(runs, "n_pos") && alike(runs, "split")))
        ok = cJSON_AddItemToArray(notes, cJSON_CreateString("These reports are of other clips: their figures differ for that reason too. To compare two models, evaluate both on one part of one store, "
                                                            "and let desy eval --versus pair the clips."));
    if (ok && !alike(runs, "level")) ok = cJSON_AddItemToArray(notes, cJSON_CreateString("These reports are of other levels of their models."));
    return ok;
}

static int add_run(cJSON *runs, const char *report)
{
    const cJSON *other;
    cJSON *metrics = NULL, *run = cJSON_CreateObject();
    char *path = desy_path_join(report, "metrics.json");
    int rc = path && run && cJSON_AddItemToArray(runs, run) ? DESY_OK : desy_error_memory("a comparison");
    DESY_TRY(rc);
    cJSON_ArrayForEach(other, runs) {
        const char *name = desy_json_text_of(other, "report");
        if (name && strcmp(name, report) == 0) DESY_TRY(desy_error(DESY_EUSAGE, "%s is named twice", report));
    }
    if (!desy_file_exists(path)) DESY_TRY(desy_error(DESY_EDATA, "%s is no report: it has no metrics.json; name directories that desy eval -o wrote", report));
    DESY_TRY(desy_json_read(&metrics, path));
    if (!desy_json_member(metrics, "n_pos") || !desy_json_member(metrics, "provenance")) DESY_TRY(desy_error(DESY_EDATA, "%s: not the figures of a report", path));
    rc = fill_run(run, report, metrics) ? DESY_OK : desy_error_memory("a comparison");
out:
    cJSON_Delete(metrics);
    free(path);
    return rc;
}

int desy_compare_reports(cJSON **out, const char *const *reports, size_t n)
{
    cJSON *comparison = *out = cJSON_CreateObject(), *runs = comparison ? cJSON_AddArrayToObject(comparison, "runs") : NULL;
    int rc = runs ? DESY_OK : desy_error_memory("a comparison");
    for (size_t i = 0; i < n && rc == DESY_OK; i++) rc = add_run(runs, reports[i]);
    if (rc == DESY_OK && !add_notes(comparison, runs)) rc = desy_error_memory("a comparison");
    if (rc == DESY_OK) return rc;
    cJSON_Delete(comparison);
    *out = NULL;
    return rc;
}

static void put_page(FILE *stream, const cJSON *comparison)
{
    static const struct desy_html_column columns[] = {{"report", "report", DESY_HTML_TEXT}, {"of", "model", DESY_HTML_TEXT}, {"scores", "scores", DESY_HTML_TEXT}, {"n", "videos", DESY_HTML_NUMBER},
                                                      {"n_pos", "AI-generated", DESY_HTML_NUMBER}, {"roc_auc", "ROC AUC", DESY_HTML_INTERVAL}, {"headline_auc_ci", "other sources would show", DESY_HTML_TEXT},
                                                      {"average_precision", "average precision", DESY_HTML_NUMBER}, {"eer", "EER", DESY_HTML_PERCENT}, {"threshold", "threshold", DESY_HTML_NUMBER},
                                                      {"tpr", "TPR", DESY_HTML_INTERVAL}, {"fpr", "FPR", DESY_HTML_INTERVAL}, {"tpr_at_1_percent", "TPR at 1 % FPR", DESY_HTML_PERCENT},
                                                      {"brier", "Brier", DESY_HTML_NUMBER}, {"ece", "ECE", DESY_HTML_NUMBER}, {"controls", "controls", DESY_HTML_TEXT}, {0}};
    const cJSON *runs = desy_json_member(comparison, "runs");
    desy_page_begin(stream, "reports compared");
    fputs("<header><h1>Reports compared</h1></header>\n<main>\n", stream);
    desy_html_notes(stream, desy_json_member(comparison, "notes"));
    fputs("<div class=\"plots\">\n", stream);
    desy_page_rows(stream, "ROC AUC", "With its 95 % interval over clips.", "ROC AUC", runs, "report", "roc_auc", "ai");
    desy_page_rows(stream, "AI-generated videos flagged", "At each one's threshold, with 95 % intervals.", "TPR", runs, "report", "tpr", "ai");
    desy_page_rows(stream, "Real videos flagged", "At each one's threshold, with 95 % intervals.", "FPR", runs, "report", "fpr", "real");
    fputs("</div>\n", stream);
    desy_html_table(stream, runs, "What each report says", columns);
    fputs("</main>\n</body></html>\n", stream);
}

int desy_compare_write(const cJSON *comparison, const char *directory)
{
    struct desy_atomic_file file = {0};
    char *page = desy_path_join(directory, "compare.html"), *json = desy_path_join(directory, "compare.json");
    int rc = page && json ? desy_make_directory(directory) : desy_error_memory("a path");
    if (rc == DESY_OK) rc = desy_atomic_open(&file, page);
    if (rc == DESY_OK) {
        put_page(file.stream, comparison);
        rc = desy_atomic_commit(&file);
    }
    if (rc == DESY_OK) rc = desy_json_write(comparison, json);
    free(page);
    free(json);
    return rc;
}
