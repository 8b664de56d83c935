/* drift.html: what drift.json says, for people. */
#include "eval/drift_report.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "eval/html.h"
#include "eval/page.h"
#include "eval/svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ROWS 60

static double number(const cJSON *object, const char *key) { return desy_json_number_of(object, key); }
static const char *text(const cJSON *object, const char *key) { return desy_json_text_of(object, key) ? desy_json_text_of(object, key) : ""; }

/* ---- plots ---- */

/* How many clips now lie where each tenth of the reference does. */
static void plot_shares(FILE *stream, const char *title, const cJSON *comparison)
{
    const cJSON *now = desy_json_member(comparison, "shares"), *then = desy_json_member(comparison, "reference_shares");
    const int bins = cJSON_GetArraySize(now);
    char words[200];
    struct desy_svg_tick ends[] = {{.05, "lowest"}, {.95, "highest"}};
    double most = .3;
    if (bins == 0) return;
    for (int b = 0; b < bins; b++) most = fmax(most, cJSON_GetArrayItem(now, b)->valuedouble);
    const struct desy_svg_axis x = {.title = "tenths of the reference", .ticks = ends, .n_ticks = 2}, y = {.title = "share of clips", .end = most};
    snprintf(words, sizeof words, "Share of the clips in each of %d parts into which the reference falls; PSI %.3f", bins, number(comparison, "psi"));
    desy_svg_open(stream, title, words, &x, &y);
    for (int b = 0; b < bins; b++) {
        const double share = cJSON_GetArrayItem(now, b)->valuedouble, before = cJSON_GetArrayItem(then, b)->valuedouble / most;
        const double across[] = {(double)b / bins, (b + 1.) / bins}, up[] = {before, before};
        snprintf(words, sizeof words, "now %.1f %%, in the reference %.1f %%", 100 * share, 100 * before * most);
        desy_svg_bar(stream, "real", across[0] + .1 / bins, across[1] - .1 / bins, share / most, words);
        desy_svg_line(stream, "validation", across, up, 2, 1);
    }
    snprintf(words, sizeof words, "Bars: now; lines: the reference. PSI %.3f, where chance alone gives %.3f on average.", number(comparison, "psi"), number(comparison, "psi_by_chance"));
    desy_svg_close(stream, words);
}

/* PSI of rows that have one, with both bands. rows: objects with name, psi, status. */
static void plot_psi(FILE *stream, const char *title, const cJSON *rows)
{
    const char *names[MOST_ROWS];
    const cJSON *row;
    double end = .5;
    int n = 0, at = 0;
    char words[160];
    cJSON_ArrayForEach(row, rows) {
        if (n == MOST_ROWS) break;
        if (isnan(number(row, "psi"))) continue;
        names[n++] = text(row, "name");
        end = fmax(end, number(row, "psi"));
    }
    if (n == 0) return;
    const struct desy_svg_axis x = {.title = "PSI", .end = end};
    desy_svg_open_rows(stream, title, "Population stability index of each; dotted lines are the conventional bands .1 and .25", &x, names, n);
    for (int band = 0; band < 2; band++) {
        const double limit = (band ? DESY_PSI_DRIFT : DESY_PSI_WATCH) / end, across[] = {limit, limit}, up[] = {0, 1};
        desy_svg_line(stream, "guide", across, up, 2, 1);
    }
    cJSON_ArrayForEach(row, rows) {
        if (at == n) break;
        if (isnan(number(row, "psi"))) continue;
        const char *status = text(row, "status");
        const bool moved = strcmp(status, "watch") == 0 || strcmp(status, "drift") == 0;
        snprintf(words, sizeof words, "PSI %.3f: %s", number(row, "psi"), status);
        desy_svg_row(stream, moved ? "ai" : strcmp(status, "stable") == 0 ? "real" : "guide", at++, n, number(row, "psi") / end, NAN, NAN, words);
    }
    desy_svg_close(stream, "Dotted: .1 and .25. A small sample has a large PSI by chance alone; the table says whether there is more to it.");
}

/* ---- tables ---- */

static const struct desy_html_column slice_columns[] = {{"name", "", DESY_HTML_TEXT}, {"n", "clips", DESY_HTML_NUMBER}, {"status", "status", DESY_HTML_TEXT}, {"mean", "mean logit", DESY_HTML_NUMBER},
                                                        {"psi", "PSI", DESY_HTML_NUMBER}, {"psi_by_chance", "by chance", DESY_HTML_NUMBER}, {"ks", "KS", DESY_HTML_NUMBER},
                                                        {"ks_p_adjusted", "p, adjusted", DESY_HTML_NUMBER}, {"together", "features: p, adjusted", DESY_HTML_NUMBER}, {0}};
static const struct desy_html_column comparison_columns[] = {{"name", "", DESY_HTML_TEXT}, {"n", "clips", DESY_HTML_NUMBER}, {"status", "status", DESY_HTML_TEXT}, {"mean", "mean", DESY_HTML_NUMBER},
                                                             {"reference_mean", "reference", DESY_HTML_NUMBER}, {"psi", "PSI", DESY_HTML_NUMBER}, {"psi_by_chance", "by chance", DESY_HTML_NUMBER},
                                                             {"ks", "KS", DESY_HTML_NUMBER}, {"ks_p", "p", DESY_HTML_NUMBER}, {"ks_p_adjusted", "p, adjusted", DESY_HTML_NUMBER}, {0}};

/* One row a slice: the figures of its logit beside its own. New; NULL: no memory. */
static cJSON *flat_slices(const cJSON *slices)
{
    cJSON *rows = cJSON_CreateArray();
    const cJSON *slice, *figure;
    cJSON_ArrayForEach(slice, slices) {
        cJSON *row = cJSON_CreateObject();
        if (!cJSON_AddItemToArray(rows, row)) break;
        desy_json_add_copy(row, "name", desy_json_member(slice, "name"));
        desy_json_add_copy(row, "n", desy_json_member(slice, "n"));
        desy_json_add_copy(row, "status", desy_json_member(slice, "status"));
        cJSON_ArrayForEach(figure, desy_json_member(desy_json_member(slice, "scores"), "logit"))
            if (!desy_json_member(row, figure->string)) desy_json_add_copy(row, figure->string, figure);
        if (desy_json_member(slice, "features_together")) desy_json_add_copy(row, "together", desy_json_member(desy_json_member(slice, "features_together"), "p_adjusted"));
    }
    return rows;
}

/* The scores of a slice as rows. New; NULL: no memory. */
static cJSON *named_scores(const cJSON *scores)
{
    cJSON *rows = cJSON_CreateArray();
    const cJSON *score;
    cJSON_ArrayForEach(score, scores) {
        cJSON *row = cJSON_Duplicate(score, true);
        if (!cJSON_AddItemToArray(rows, row)) break;
        cJSON_AddStringToObject(row, "name", score->string);
    }
    return rows;
}

/* ---- sections ---- */

static void put_term(FILE *stream, const char *term, const cJSON *object, const char *key)
{
    if (!desy_json_member(object, key)) return;
    fprintf(stream, "<dt>%s</dt><dd>", term);
    if (cJSON_IsNumber(desy_json_member(object, key))) desy_html_with_interval(stream, object, key);
    else desy_html_put(stream, text(object, key));
    fputs("</dd>\n", stream);
}

static void put_verdict(FILE *stream, const cJSON *json)
{
    const cJSON *reason;
    fputs("<div class=\"verdict\"><p><strong>", stream);
    desy_html_put(stream, text(json, "verdict"));
    fputs("</strong></p>\n<ul>\n", stream);
    cJSON_ArrayForEach(reason, desy_json_member(json, "reasons")) {
        fputs("<li>", stream);
        desy_html_put(stream, cJSON_GetStringValue(reason));
        fputs("</li>\n", stream);
    }
    fputs("</ul></div>\n", stream);
    desy_html_notes(stream, desy_json_member(json, "notes"));
    fputs("<dl>\n", stream);
    put_term(stream, "Compared", json, "subject");
    put_term(stream, "Clips with a score", json, "n");
    put_term(stream, "Clips without", json, "n_failed");
    put_term(stream, "Model", json, "model");
    put_term(stream, "Reference", json, "reference");
    fputs("</dl>\n", stream);
}

static void section_scores(FILE *stream, const cJSON *json)
{
    const cJSON *scores = desy_json_member(desy_json_member(json, "all"), "scores"), *score;
    cJSON *rows = named_scores(scores);
    char title[80];
    fputs("<div class=\"plots\">\n", stream);
    cJSON_ArrayForEach(score, scores) {
        snprintf(title, sizeof title, strcmp(score->string, "logit") == 0 ? "The score" : "Level %.20s", score->string);
        plot_shares(stream, title, score);
    }
    fputs("</div>\n", stream);
    desy_html_table(stream, rows, "Calibrated logits of all clips, against those of the reference", comparison_columns);
    cJSON_Delete(rows);
}

static void section_features(FILE *stream, const cJSON *json)
{
    const cJSON *features = desy_json_member(json, "features"), *together = desy_json_member(desy_json_member(json, "all"), "features_together");
    if (together)
        fprintf(stream, "<p>All of them together: MMD squared %.5f, p %.4g (%.0f permutations), adjusted %.4g: %s.</p>\n", number(together, "mmd_squared"), number(together, "p"), number(together, "permutations"),
                number(together, "p_adjusted"), text(together, "status"));
    fputs("<div class=\"plots\">\n", stream);
    plot_psi(stream, "Features", features);
    fputs("</div>\n", stream);
    desy_html_table(stream, features, "Summaries of the clips' features, against those of training clips", comparison_columns);
}

static void put_slices(FILE *stream, const cJSON *slices, const char *title, const char *caption)
{
    cJSON *rows = flat_slices(slices);
    fputs("<div class=\"plots\">\n", stream);
    plot_psi(stream, title, rows);
    fputs("</div>\n", stream);
    desy_html_table(stream, rows, caption, slice_columns);
    cJSON_Delete(rows);
}

static void section_sources(FILE *stream, const cJSON *json) { put_slices(stream, desy_json_member(json, "sources"), "Sources", "By source, each against the whole reference"); }
static void section_windows(FILE *stream, const cJSON *json) { put_slices(stream, desy_json_member(json, "windows"), "Over time", "One part after another, each against the whole reference"); }

static void section_feedback(FILE *stream, const cJSON *json)
{
    const cJSON *feedback = desy_json_member(json, "feedback");
    fputs("<dl>\n", stream);
    put_term(stream, "Status", feedback, "status");
    put_term(stream, "Videos with a reviewed label", feedback, "n");
    put_term(stream, "AI-generated", feedback, "n_pos");
    put_term(stream, "Real", feedback, "n_neg");
    put_term(stream, "AUC", feedback, "roc_auc");
    put_term(stream, "AUC of the training, out of fold", feedback, "trained_roc_auc");
    put_term(stream, "Accuracy at the threshold", feedback, "accuracy");
    put_term(stream, "Brier score", feedback, "brier");
    put_term(stream, "ECE", feedback, "ece");
    put_term(stream, "ECE that chance stays below, 95 %", feedback, "ece_expected_95");
    put_term(stream, "Not yet reviewed", feedback, "pending");
    fputs("</dl>\n", stream);
}

static void section_settings(FILE *stream, const cJSON *json) { desy_html_value(stream, desy_json_member(json, "settings")); }

static const struct {
    const char *id, *title, *member;
    void (*put)(FILE *stream, const cJSON *json);
} sections[] = {
    {"scores", "Scores", "all", section_scores},
    {"labels", "By reviewed labels", "feedback", section_feedback},
    {"features", "Features", "features", section_features},
    {"sources", "By source", "sources", section_sources},
    {"windows", "Over time", "windows", section_windows},
    {"settings", "How it was judged", "settings", section_settings},
};

static void put_page(FILE *stream, const cJSON *json)
{
    desy_page_begin(stream, "drift");
    fputs("<header><h1>Detection of AI-generated video: drift</h1></header>\n<main>\n", stream);
    put_verdict(stream, json);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        if (!desy_json_member(json, sections[i].member)) continue;
        fprintf(stream, "<section aria-labelledby=\"%s\"><h2 id=\"%s\">%s</h2>\n", sections[i].id, sections[i].id, sections[i].title);
        sections[i].put(stream, json);
        fputs("</section>\n", stream);
    }
    fputs("</main>\n</body></html>\n", stream);
}

int desy_drift_page_write(const cJSON *json, const char *directory)
{
    struct desy_atomic_file file = {0};
    char *path = desy_path_join(directory, "drift.html");
    const int rc = path ? desy_atomic_open(&file, path) : desy_error_memory("a path");
    free(path);
    if (rc != DESY_OK) return rc;
    put_page(file.stream, json);
    return desy_atomic_commit(&file);
}
