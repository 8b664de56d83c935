/* Sections of report.html that say where the detector fails: by source, by stratum, the hardest videos, controls, altered videos, another model. */
#include "eval/page.h"

#include "base/json.h"
#include "eval/html.h"

#include <math.h>
#include <string.h>

static void put_hardest(FILE *stream, const char *directory, const cJSON *list, const char *title)
{
    const cJSON *entry;
    if (cJSON_GetArraySize(list) == 0) return;
    fprintf(stream, "<h3>%s</h3>\n<ul class=\"hardest\">\n", title);
    cJSON_ArrayForEach(entry, list) {
        const char *thumbnail = desy_json_text_of(entry, "thumbnail"), *path = desy_json_text_of(entry, "video_path"), *source = desy_json_text_of(entry, "source"), *id = desy_json_text_of(entry, "id");
        fputs("<li>", stream);
        if (thumbnail) desy_html_jpeg(stream, directory, thumbnail, "a frame of this video");
        fputs("<b>", stream);
        desy_html_number(stream, desy_json_number_of(entry, "score"));
        fputs("</b> ", stream);
        desy_html_put(stream, source ? source : "");
        fputs("<br>", stream);
        desy_html_put(stream, path ? path : id ? id : "");
        fputs("</li>\n", stream);
    }
    fputs("</ul>\n", stream);
}

void desy_page_breakdown(FILE *stream, const struct desy_page *page)
{
    static const struct desy_html_column generators[] = {{"source", "generator", DESY_HTML_TEXT}, {"n", "videos", DESY_HTML_NUMBER}, {"tpr", "flagged (TPR)", DESY_HTML_INTERVAL}, {"roc_auc", "ROC AUC, all real videos", DESY_HTML_INTERVAL}, {0}};
    static const struct desy_html_column reals[] = {{"source", "real source", DESY_HTML_TEXT}, {"n", "videos", DESY_HTML_NUMBER}, {"fpr", "flagged (FPR)", DESY_HTML_INTERVAL}, {"roc_auc", "ROC AUC, all AI-generated videos", DESY_HTML_INTERVAL}, {0}};
    static const struct desy_html_column cells[] = {{"generator", "generator", DESY_HTML_TEXT}, {"real_source", "real source", DESY_HTML_TEXT}, {"n_pos", "AI-generated", DESY_HTML_NUMBER}, {"n_neg", "real", DESY_HTML_NUMBER},
                                                    {"roc_auc", "ROC AUC", DESY_HTML_INTERVAL}, {0}};
    static const struct desy_html_column strata[] = {{"value", "videos of", DESY_HTML_TEXT}, {"n_pos", "AI-generated", DESY_HTML_NUMBER}, {"n_neg", "real", DESY_HTML_NUMBER}, {"roc_auc", "ROC AUC", DESY_HTML_INTERVAL},
                                                     {"tpr", "TPR", DESY_HTML_INTERVAL}, {"fpr", "FPR", DESY_HTML_INTERVAL}, {0}};
    const cJSON *breakdown = desy_json_member(page->json, "breakdown"), *hardest = desy_json_member(page->json, "hardest"), *stratum;
    char caption[160];
    desy_html_notes(stream, desy_json_member(breakdown, "notes"));
    fputs("<div class=\"plots\">\n", stream);
    desy_page_rows(stream, "Generators", "Share of each generator's videos that is flagged, with 95 % intervals.", "TPR", desy_json_member(breakdown, "generators"), "source", "tpr", "ai");
    desy_page_rows(stream, "Real sources", "Share of each real source's videos that is flagged, with 95 % intervals.", "FPR", desy_json_member(breakdown, "real_sources"), "source", "fpr", "real");
    fputs("</div>\n", stream);
    desy_html_table(stream, desy_json_member(breakdown, "generators"), "Generators", generators);
    desy_html_table(stream, desy_json_member(breakdown, "real_sources"), "Real sources", reals);
    desy_html_table(stream, desy_json_member(breakdown, "inverted"), "Pairs that are ranked the wrong way round, beyond chance", cells);
    if (cJSON_GetArraySize(desy_json_member(breakdown, "cells")) > 0) {
        fputs("<details><summary>Each generator against each real source</summary>\n", stream);
        desy_html_table(stream, desy_json_member(breakdown, "cells"), "Each generator against each real source", cells);
        fputs("</details>\n", stream);
    }
    cJSON_ArrayForEach(stratum, desy_json_member(page->json, "strata")) {
        snprintf(caption, sizeof caption, "By %.100s", stratum->string);
        desy_html_table(stream, stratum, caption, strata);
    }
    put_hardest(stream, page->options->directory, desy_json_member(hardest, "missed"), "AI-generated videos with the lowest scores");
    put_hardest(stream, page->options->directory, desy_json_member(hardest, "false_alarms"), "Real videos with the highest scores");
}

void desy_page_controls(FILE *stream, const struct desy_page *page)
{
    const cJSON *controls = desy_json_member(page->json, "controls"), *reason, *control;
    const char *verdict = desy_json_text_of(controls, "verdict");
    fputs("<p>May the score go by something else than what makes a video AI-generated? <strong>", stream);
    desy_html_put(stream, verdict ? verdict : "");
    fputs("</strong>.</p>\n<ul>\n", stream);
    cJSON_ArrayForEach(reason, desy_json_member(controls, "reasons")) {
        if (!cJSON_IsString(reason)) continue;
        fputs("<li>", stream);
        desy_html_put(stream, reason->valuestring);
        fputs("</li>\n", stream);
    }
    fputs("</ul>\n<details><summary>The controls' figures</summary>\n", stream);
    desy_html_table_begin(stream, "The controls' figures");
    fputs("<tbody>\n", stream);
    cJSON_ArrayForEach(control, controls) {
        if (!cJSON_IsObject(control)) continue;
        fputs("<tr><th scope=\"row\">", stream);
        desy_html_put(stream, control->string);
        fputs("</th><td>", stream);
        desy_html_value(stream, control);
        fputs("</td></tr>\n", stream);
    }
    fputs("</tbody></table></div></details>\n", stream);
}

void desy_page_robustness(FILE *stream, const struct desy_page *page)
{
    static const struct desy_html_column columns[] = {{"words", "alteration", DESY_HTML_TEXT}, {"n", "videos", DESY_HTML_NUMBER}, {"n_failed", "failed", DESY_HTML_NUMBER}, {"roc_auc", "ROC AUC", DESY_HTML_INTERVAL},
                                                      {"tpr", "TPR", DESY_HTML_INTERVAL}, {"fpr", "FPR", DESY_HTML_INTERVAL}, {"verdicts_changed", "verdicts changed", DESY_HTML_PERCENT}, {0}};
    static const struct desy_html_column again[] = {{NULL, "alteration", DESY_HTML_NAME}, {"threshold", "threshold", DESY_HTML_NUMBER}, {"tpr", "TPR", DESY_HTML_INTERVAL}, {"fpr", "FPR", DESY_HTML_INTERVAL},
                                                    {"accuracy", "accuracy", DESY_HTML_INTERVAL}, {0}};
    const cJSON *list = desy_json_member(desy_json_member(page->json, "robustness"), "alterations"), *row;
    cJSON *recalibrated = cJSON_CreateObject();
    fputs("<p>The same videos, altered in one way after another, and scored again by the same model.</p>\n<div class=\"plots\">\n", stream);
    desy_page_rows(stream, "Ranking of altered videos", "ROC AUC with its 95 % interval over clips.", "ROC AUC", list, "words", "roc_auc", "guide");
    desy_page_rows(stream, "Altered AI-generated videos flagged", "At the threshold for videos as they are, with 95 % intervals.", "TPR", list, "words", "tpr", "ai");
    desy_page_rows(stream, "Altered real videos flagged", "At the threshold for videos as they are, with 95 % intervals.", "FPR", list, "words", "fpr", "real");
    fputs("</div>\n", stream);
    desy_html_table(stream, list, "At the threshold for videos as they are", columns);
    cJSON_ArrayForEach(row, list)
        if (recalibrated && desy_json_member(row, "recalibrated") && desy_json_text_of(row, "words")) cJSON_AddItemReferenceToObject(recalibrated, desy_json_text_of(row, "words"), (cJSON *)desy_json_member(row, "recalibrated"));
    desy_html_table(stream, recalibrated, "At a threshold that flags as many of the altered real validation videos as the one in use flags of those as they are", again);
    cJSON_Delete(recalibrated);
}

void desy_page_versus(FILE *stream, const struct desy_page *page)
{
    const cJSON *versus = desy_json_member(page->json, "versus"), *line;
    fputs("<p>", stream);
    desy_html_put(stream, desy_json_text_of(versus, "ours") ? desy_json_text_of(versus, "ours") : "");
    fputs(" and ", stream);
    desy_html_put(stream, desy_json_text_of(versus, "rival") ? desy_json_text_of(versus, "rival") : "");
    fputs(" on the same videos:</p>\n<ul>\n", stream);
    cJSON_ArrayForEach(line, desy_json_member(versus, "words")) {
        fputs("<li>", stream);
        desy_html_put(stream, cJSON_IsString(line) ? line->valuestring : "");
        fputs("</li>\n", stream);
    }
    fputs("</ul>\n<details><summary>Figures of the comparison</summary>", stream);
    desy_html_value(stream, versus);
    fputs("</details>\n", stream);
}
