#include "eval/page.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "eval/html.h"
#include "eval/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool has(const struct desy_page *page, const char *key)
{
    return desy_json_member(page->json, key) != NULL;
}

/* ---- sections ---- */

#define RATES \
    {"tp", "TP", DESY_HTML_NUMBER}, {"fp", "FP", DESY_HTML_NUMBER}, {"tn", "TN", DESY_HTML_NUMBER}, {"fn", "FN", DESY_HTML_NUMBER}, {"tpr", "TPR (recall)", DESY_HTML_PERCENT}, \
    {"fpr", "FPR", DESY_HTML_PERCENT}, {"precision", "precision", DESY_HTML_PERCENT}, {"f1", "F1", DESY_HTML_NUMBER}, {"accuracy", "accuracy", DESY_HTML_PERCENT}, \
    {"balanced_accuracy", "balanced accuracy", DESY_HTML_PERCENT}, {"mcc", "MCC", DESY_HTML_NUMBER}

static void put_figure(FILE *stream, const cJSON *json, const char *key, const char *title, const char *unit)
{
    if (!cJSON_IsNumber(desy_json_member(json, key))) return;
    fprintf(stream, "<tr><th scope=\"row\">%s</th><td class=\"n\">", title);
    desy_html_with_interval(stream, json, key);
    fputs("</td><td class=\"soft\">", stream);
    if (unit) desy_html_put(stream, unit);
    fputs("</td></tr>\n", stream);
}

static void section_ranking(FILE *stream, const struct desy_page *page)
{
    static const struct desy_html_column at_fpr[] = {{"fpr_limit", "false alarms at most", DESY_HTML_PERCENT}, {"tpr", "detected", DESY_HTML_PERCENT}, {"fpr", "false alarms", DESY_HTML_PERCENT},
                                                     {"threshold", "threshold", DESY_HTML_NUMBER}, {"reason", "not measurable, for", DESY_HTML_TEXT}, {0}};
    const cJSON *json = page->json, *headline = desy_json_member(json, "headline_ci"), *clustered = desy_json_member(json, "roc_auc_ci_clustered");
    fputs("<div class=\"plots\">\n", stream);
    desy_page_curves(stream, page);
    fputs("</div>\n", stream);
    desy_html_table_begin(stream, "Ranking: figures that need no threshold, with 95 % intervals");
    fputs("<tbody>\n", stream);
    put_figure(stream, json, "roc_auc", "ROC AUC", desy_json_text_of(json, "roc_auc_ci_unit"));
    if (desy_json_member(headline, "roc_auc")) {
        fputs("<tr><th scope=\"row\">95 % of what others would show</th><td class=\"n\">", stream);
        desy_html_value(stream, desy_json_member(headline, "roc_auc"));
        fputs("</td><td class=\"soft\">", stream);
        desy_html_put(stream, desy_json_text_of(headline, "unit") ? desy_json_text_of(headline, "unit") : "");
        fputs(" drawn anew (bootstrap, BCa)</td></tr>\n", stream);
    }
    if (clustered) {
        fputs("<tr><th scope=\"row\">with groups that belong together</th><td class=\"n\">", stream);
        desy_html_value(stream, clustered);
        fputs("</td><td class=\"soft\">", stream);
        desy_html_put(stream, desy_json_text_of(json, "roc_auc_ci_clustered_unit") ? desy_json_text_of(json, "roc_auc_ci_clustered_unit") : "");
        fputs("</td></tr>\n", stream);
    }
    put_figure(stream, desy_json_member(json, "partial_auc"), "standardised", "Partial AUC, to 10 % false alarms", "standardised: .5 is chance (McClish)");
    put_figure(stream, json, "average_precision", "Average precision, AI-generated positive", NULL);
    put_figure(stream, json, "average_precision_real", "Average precision, real positive", NULL);
    put_figure(stream, json, "eer", "Equal error rate", "false alarms as frequent as misses");
    put_figure(stream, json, "prevalence", "Share of AI-generated videos here", NULL);
    fputs("</tbody></table></div>\n", stream);
    desy_html_table(stream, desy_json_member(json, "tpr_at_fpr"), "What is detected at few false alarms. The threshold is read off these videos: an upper bound of what one chosen elsewhere would do", at_fpr);
}

static void section_thresholds(FILE *stream, const struct desy_page *page)
{
    static const struct desy_html_column rules[] = {{"rule", "rule", DESY_HTML_TEXT}, {"threshold", "threshold", DESY_HTML_NUMBER}, RATES, {"measurable", "measurable", DESY_HTML_TEXT}, {0}};
    static const struct desy_html_column sweep[] = {{"threshold", "threshold", DESY_HTML_NUMBER}, RATES, {0}};
    static const struct desy_html_column prevalence[] = {{"rule", "rule", DESY_HTML_TEXT}, {"threshold", "threshold", DESY_HTML_NUMBER}, {"prevalence", "AI-generated of all", DESY_HTML_PERCENT},
                                                         {"flagged_of_1000", "flagged of 1,000", DESY_HTML_INTERVAL}, {"ai_of_1000_flagged", "AI-generated of 1,000 flagged", DESY_HTML_INTERVAL},
                                                         {"errors_of_1000", "errors of 1,000", DESY_HTML_NUMBER}, {"errors_of_1000_calling_none", "... calling none", DESY_HTML_NUMBER}, {0}};
    const cJSON *json = page->json, *thresholds = desy_json_member(json, "thresholds");
    desy_html_table_begin(stream, "At the threshold in use, with 95 % intervals (Clopper-Pearson)");
    fputs("<tbody>\n", stream);
    put_figure(stream, json, "threshold", "Threshold", desy_json_text_of(json, "threshold_from"));
    put_figure(stream, json, "tpr", "AI-generated videos flagged (TPR, recall)", NULL);
    put_figure(stream, json, "fpr", "Real videos flagged (FPR)", NULL);
    put_figure(stream, json, "precision", "Flagged videos that are AI-generated (precision)", "here: it depends on how many there are");
    put_figure(stream, json, "npv", "Others that are real (NPV)", NULL);
    put_figure(stream, json, "accuracy", "Accuracy", NULL);
    put_figure(stream, json, "balanced_accuracy", "Balanced accuracy", NULL);
    put_figure(stream, json, "f1", "F1", NULL);
    put_figure(stream, json, "mcc", "Matthews' correlation", NULL);
    fputs("</tbody></table></div>\n", stream);
    desy_html_table(stream, desy_json_member(json, "prevalence_table"), "What a flag is worth where AI-generated videos are rare", prevalence);
    desy_html_table(stream, desy_json_member(thresholds, "validation"), "Thresholds chosen on the validation part, applied to these videos", rules);
    desy_html_table(stream, desy_json_member(thresholds, "oracle"), "Oracle: the same rules fitted to these very videos. They flatter, and are here to compare with papers that do so", rules);
    desy_html_table(stream, desy_json_member(json, "sweep"), "The guide's thresholds", sweep);
}

static void section_calibration(FILE *stream, const struct desy_page *page)
{
    static const struct desy_html_column states[] = {{NULL, "", DESY_HTML_NAME}, {"brier", "Brier", DESY_HTML_NUMBER}, {"ece", "ECE", DESY_HTML_NUMBER}, {"log_loss", "log loss", DESY_HTML_NUMBER},
                                                     {"slope", "slope", DESY_HTML_NUMBER}, {"intercept", "intercept", DESY_HTML_NUMBER}, {0}};
    const cJSON *json = page->json, *calibration = desy_json_member(json, "calibration"), *recalibrated = desy_json_member(calibration, "recalibrated"), *bins = desy_json_member(calibration, "equal_mass"), *width = desy_json_member(calibration, "equal_width");
    cJSON *rows = cJSON_CreateObject();
    const cJSON *state;
    fputs("<div class=\"plots\">\n", stream);
    desy_page_reliability(stream, page);
    desy_html_table_begin(stream, "Calibration");
    fputs("<tbody>\n", stream);
    put_figure(stream, json, "brier", "Brier score", "0 is perfect, always saying .5 gives .25");
    put_figure(stream, calibration, "log_loss", "Log loss", NULL);
    put_figure(stream, calibration, "slope", "Slope", "1: calibrated; below: too sure of itself");
    put_figure(stream, calibration, "intercept", "Intercept", "0: calibrated; above: says AI-generated too rarely");
    put_figure(stream, width, "ece", "Calibration error (ECE), ten bins of equal width", NULL);
    put_figure(stream, bins, "ece", "... ten bins of equal numbers", NULL);
    put_figure(stream, bins, "ece_of_perfect_calibration", "... of a perfect detector, by chance", NULL);
    fputs("</tbody></table></div></div>\n", stream);
    cJSON_ArrayForEach(state, recalibrated)
        if (rows && cJSON_IsObject(state)) cJSON_AddItemReferenceToObject(rows, state->string, (cJSON *)state);
    if (desy_json_text_of(recalibrated, "fitted_on")) {
        fputs("<p class=\"soft\">Recalibration was fitted on ", stream);
        desy_html_put(stream, desy_json_text_of(recalibrated, "fitted_on"));
        fputs(".</p>\n", stream);
    }
    desy_html_table(stream, rows, "Before and after recalibration", states);
    cJSON_Delete(rows);
}

static void section_training(FILE *stream, const struct desy_page *page)
{
    const cJSON *finding;
    fputs("<div class=\"plots\">\n", stream);
    desy_page_learning(stream, page);
    fputs("</div>\n", stream);
    cJSON_ArrayForEach(finding, desy_json_member(page->options->model, "diagnosis")) {
        const char *words = desy_json_text_of(finding, "words");
        fputs("<p>Of the model's training: ", stream);
        desy_html_put(stream, words ? words : "?");
        fputs("</p>\n", stream);
    }
}

static bool has_training(const struct desy_page *page)
{
    const cJSON *model = page->options->model;
    return desy_json_member(desy_json_member(model, "training"), "curves") || cJSON_GetArraySize(desy_json_member(model, "diagnosis")) > 0;
}

static void section_all(FILE *stream, const struct desy_page *page)
{
    const cJSON *entry;
    fputs("<p class=\"soft\">As in metrics.json, in full precision. The curves point by point are in roc.csv, pr.csv and det.csv, the scores in scores.csv.</p>\n<details><summary>Show every figure</summary>\n", stream);
    desy_html_table_begin(stream, "metrics.json");
    fputs("<tbody>\n", stream);
    cJSON_ArrayForEach(entry, page->json) {
        fputs("<tr><th scope=\"row\">", stream);
        desy_html_put(stream, entry->string);
        fputs("</th><td>", stream);
        desy_html_value(stream, entry);
        fputs("</td></tr>\n", stream);
    }
    fputs("</tbody></table></div></details>\n", stream);
}

static bool always(const struct desy_page *page) { return page != NULL; }
static bool has_breakdown(const struct desy_page *page) { return has(page, "breakdown"); }
static bool has_controls(const struct desy_page *page) { return has(page, "controls"); }
static bool has_robustness(const struct desy_page *page) { return has(page, "robustness"); }
static bool has_versus(const struct desy_page *page) { return has(page, "versus"); }
static bool has_calibration(const struct desy_page *page) { return has(page, "brier"); }

/* A section joins by a line here. */
static const struct {
    const char *id, *title;
    bool (*is_there)(const struct desy_page *page);
    void (*put)(FILE *stream, const struct desy_page *page);
} sections[] = {
    {"ranking", "How well it ranks", always, section_ranking},
    {"thresholds", "At a threshold", always, section_thresholds},
    {"calibration", "Are its scores probabilities?", has_calibration, section_calibration},
    {"breakdown", "For whom it fails", has_breakdown, desy_page_breakdown},
    {"controls", "What else it may go by", has_controls, desy_page_controls},
    {"robustness", "Altered videos", has_robustness, desy_page_robustness},
    {"versus", "Compared with another", has_versus, desy_page_versus},
    {"training", "The model's training", has_training, section_training},
    {"all", "Every figure", always, section_all},
};
enum { SECTIONS = sizeof sections / sizeof *sections };

/* ---- the page ---- */

/* What the figures are over, in words. */
static void put_over(FILE *stream, const struct desy_page *page)
{
    const double failed = desy_json_number_of(page->json, "n_failed");
    fprintf(stream, "Over %.0f videos (%.0f AI-generated, %.0f real)", desy_json_number_of(page->json, "n"), desy_json_number_of(page->json, "n_pos"), desy_json_number_of(page->json, "n_neg"));
    if (strcmp(page->options->split, "all") == 0) fputs(" of the whole data set, those of training included", stream);
    else if (*page->options->split) fprintf(stream, " of the %s split", page->options->split);
    else fputs(" of the given scores", stream);
    if (failed > 0) fprintf(stream, "; %.0f more could not be read and have no score", failed);
}

void desy_page_begin(FILE *stream, const char *title)
{
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>DeSY: ", stream);
    desy_html_put(stream, title);
    fprintf(stream, "</title>\n<style>\n%s</style></head><body>\n", desy_page_style);
    desy_svg_definitions(stream);
}

static void put_page(FILE *stream, const struct desy_page *page)
{
    desy_page_begin(stream, page->options->subject);
    fputs("<header><h1>Detection of AI-generated video: evaluation</h1>\n<p>", stream);
    desy_html_put(stream, page->options->subject);
    fputs("</p>\n<p class=\"soft\">", stream);
    put_over(stream, page);
    fputs(". Positive means AI-generated; a video is flagged if its score is at least the threshold.</p></header>\n<main>\n", stream);
    desy_page_summary(stream, page);
    desy_html_notes(stream, desy_json_member(page->json, "notes"));
    fputs("<nav aria-label=\"Sections\">", stream);
    for (int i = 0; i < SECTIONS; i++)
        if (sections[i].is_there(page)) fprintf(stream, "<a href=\"#%s\">%s</a>", sections[i].id, sections[i].title);
    fputs("</nav>\n", stream);
    for (int i = 0; i < SECTIONS; i++) {
        if (!sections[i].is_there(page)) continue;
        fprintf(stream, "<section aria-labelledby=\"%s\"><h2 id=\"%s\">%s</h2>\n", sections[i].id, sections[i].id, sections[i].title);
        sections[i].put(stream, page);
        fputs("</section>\n", stream);
    }
    fputs("</main>\n</body></html>\n", stream);
}

int desy_page_write(const struct desy_page *page)
{
    struct desy_atomic_file file = {0};
    char *path = desy_path_join(page->options->directory, "report.html");
    int rc = path ? desy_atomic_open(&file, path) : desy_error_memory("a path");
    free(path);
    if (rc != DESY_OK) return rc;
    put_page(file.stream, page);
    return desy_atomic_commit(&file);
}
