#include "eval/metrics_json.h"

#include "base/error.h"
#include "base/json.h"
#include "eval/calibration_json.h"
#include "eval/prevalence_table.h"
#include "eval/figures.h"
#include "features/synthesis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool note(cJSON *notes, const char *text) { return cJSON_AddItemToArray(notes, cJSON_CreateString(text)); }

static bool add_partial(cJSON *json, const struct desy_metrics *metrics)
{
    cJSON *partial = cJSON_AddObjectToObject(json, "partial_auc");
    return partial && desy_figure(partial, "max_fpr", DESY_MOST_FPR) && desy_figure(partial, "standardised", metrics->partial_auc_standardised)
           && desy_figure(partial, "raw", metrics->partial_auc);
}

/* Below 3 false alarms that a limit allows, it is known of no real clip alone: with 3 / n_neg, the upper end of the 95 % interval of none in n_neg. */
static bool add_fpr_points(cJSON *json, const struct desy_metrics *metrics)
{
    cJSON *list = cJSON_AddArrayToObject(json, "tpr_at_fpr");
    for (int l = 0; list && l < DESY_FPR_LIMITS; l++) {
        const struct desy_fpr_point *point = &metrics->at_fpr[l];
        const double limit = desy_fpr_limits[l];
        const bool measurable = limit * (double)metrics->n_neg >= 3. - 1e-9;
        cJSON *entry = cJSON_CreateObject();
        char reason[160];
        if (!entry || !cJSON_AddItemToArray(list, entry) || !desy_figure(entry, "fpr_limit", limit) || !cJSON_AddBoolToObject(entry, "measurable", measurable)) return false;
        if (!measurable) {
            snprintf(reason, sizeof reason, "%lld real clips are too few: even none wrong among them leaves an upper bound of 3 / n_neg = %.2g, above the limit", (long long)metrics->n_neg,
                     3. / (double)metrics->n_neg);
            if (!desy_figure_text(entry, "reason", reason)) return false;
            continue;
        }
        if (!desy_figure(entry, "tpr", (double)point->tp / (double)metrics->n_pos) || !desy_figure(entry, "fpr", (double)point->fp / (double)metrics->n_neg)) return false;
        if (point->tp > 0 ? !desy_figure(entry, "threshold", point->threshold) : !desy_figure_text(entry, "reason", "no threshold within the limit finds a clip")) return false;
    }
    return list != NULL;
}

static bool add_ranking(cJSON *json, const struct desy_metrics *metrics)
{
    if (!metrics->both) return true;
    if (!desy_figure(json, "roc_auc", metrics->roc_auc)) return false;
    cJSON *interval = cJSON_AddArrayToObject(json, "roc_auc_ci");
    char unit[64];
    snprintf(unit, sizeof unit, "clip (%s, 95 %%, independence assumed)", metrics->ci_method);
    return interval && cJSON_AddItemToArray(interval, cJSON_CreateNumber(metrics->roc_auc_ci[0]))
           && cJSON_AddItemToArray(interval, cJSON_CreateNumber(metrics->roc_auc_ci[1])) && desy_figure_text(json, "roc_auc_ci_unit", unit)
           && desy_figure(json, "average_precision", metrics->average_precision) && desy_figure(json, "average_precision_real", metrics->average_precision_real)
           && desy_figure(json, "eer", metrics->equal_error_rate) && add_partial(json, metrics) && add_fpr_points(json, metrics);
}

static bool add_sweep(cJSON *json, const struct desy_metrics *metrics)
{
    cJSON *list = cJSON_AddArrayToObject(json, "sweep");
    for (size_t i = 0; list && i < metrics->n_sweep; i++) {
        cJSON *entry = cJSON_CreateObject();
        if (!entry || !cJSON_AddItemToArray(list, entry) || !desy_figure(entry, "threshold", metrics->sweep[i].threshold) || !desy_operating_point_json(entry, &metrics->sweep[i])) return false;
    }
    return list != NULL;
}

static bool add_probabilities(cJSON *json, const struct desy_metrics *metrics)
{
    if (!metrics->probabilities) return true;
    if (!desy_figure(json, "brier", metrics->calibration.brier.score) || !desy_figure(json, "ece", metrics->calibration.equal_width.ece)) return false;
    cJSON *histogram = cJSON_AddObjectToObject(json, "histogram");
    for (int label = 0; histogram && label < 2; label++) {
        cJSON *counts = cJSON_AddArrayToObject(histogram, label ? "ai" : "real");
        for (int b = 0; b < DESY_HISTOGRAM; b++)
            if (!counts || !cJSON_AddItemToArray(counts, cJSON_CreateNumber((double)metrics->histogram[label][b]))) return false;
    }
    return histogram && desy_calibration_json(json, &metrics->calibration, &metrics->recalibration);
}

static bool add_sources(cJSON *json, const struct desy_metrics *metrics)
{
    if (metrics->n_sources == 0) return true;
    cJSON *object = cJSON_AddObjectToObject(json, "by_source");
    for (size_t s = 0; object && s < metrics->n_sources; s++) {
        const struct desy_source_metrics *source = &metrics->sources[s];
        cJSON *entry = cJSON_AddObjectToObject(object, source->name);
        if (!entry || !desy_figure_integer(entry, "n", source->n) || !desy_figure_integer(entry, "n_pos", source->n_pos) || !desy_figure_integer(entry, "n_neg", source->n_neg)) return false;
        if (source->n > 0 && !desy_figure(entry, "mean_score", source->mean_score)) return false;
        if (isfinite(source->roc_auc) && !desy_figure(entry, "roc_auc", source->roc_auc)) return false;
    }
    return object != NULL;
}

static bool add_notes(cJSON *json, const struct desy_metrics *metrics, const struct desy_report_options *options)
{
    cJSON *notes = cJSON_AddArrayToObject(json, "notes");
    bool ok = notes != NULL, synthetic = false;
    for (size_t s = 0; s < metrics->n_sources; s++) synthetic |= strncmp(metrics->sources[s].name, DESY_SYNTHETIC, strlen(DESY_SYNTHETIC)) == 0;
    if (synthetic)
        ok = ok && note(notes, "These clips were made by desy synth: a demonstration that the program works, not science. The figures say nothing about real videos.");
    if (options->note) ok = ok && note(notes, options->note);
    if (strcmp(options->split, "all") == 0) ok = ok && note(notes, "These are all clips, those that the model was trained on too: the figures flatter it.");
    if (!metrics->both)
        ok = ok && note(notes, "Only one class is present: ROC AUC, whole or partial, average precision, the equal error rate, TPR at an FPR and the curves are not defined in that case.");
    if (metrics->n_pos == 0) ok = ok && note(notes, "No AI-generated clip has a score: precision, recall and F1 are not defined.");
    if (metrics->n_pos > 0 && metrics->point.tp + metrics->point.fp == 0)
        ok = ok && note(notes, "No clip reaches the threshold: precision is ill-defined and is set to 0, as scikit-learn does.");
    if (!metrics->probabilities) ok = ok && note(notes, "Some scores lie outside [0, 1]: they are not probabilities, and have no Brier score and no calibration error.");
    if (metrics->both && metrics->ci_method[0] == 'N')
        ok = ok && note(notes, "DeLong's variance is 0 here (the classes are separated perfectly, all scores are equal, or a class has one clip): the interval of the AUC is Newcombe's.");
    if (metrics->probabilities && !options->validation && metrics->n > DESY_CROSS_FITTED_MOST)
        ok = ok && note(notes, "More than a million clips and no validation part: recalibration is not tried. Name one by a column split with rows val and test.");
    if (metrics->n_failed > 0) ok = ok && note(notes, "Clips that could not be read have no score, and no part in any figure; their number is n_failed.");
    return ok;
}

static bool add_options(cJSON *json, const struct desy_report_options *options)
{
    return desy_figure(json, "threshold", options->threshold) && desy_figure_text(json, "threshold_from", options->threshold_from)
           && (!*options->split || desy_figure_text(json, "split", options->split)) && (!*options->level || desy_figure_text(json, "level", options->level));
}

int desy_metrics_json(cJSON **out, const struct desy_metrics *metrics, const struct desy_report_options *options)
{
    cJSON *json = *out = cJSON_CreateObject();
    if (json && desy_figure_text(json, "schema", DESY_METRICS_SCHEMA) && desy_json_add_copy(json, "out_of_fold", options->out_of_fold) && desy_figure_integer(json, "n", metrics->n) && desy_figure_integer(json, "n_pos", metrics->n_pos)
        && desy_figure_integer(json, "n_neg", metrics->n_neg) && desy_figure_integer(json, "n_failed", metrics->n_failed) && desy_figure(json, "prevalence", (double)metrics->n_pos / (double)metrics->n)
        && add_ranking(json, metrics) && add_options(json, options) && desy_operating_point_json(json, &metrics->point) && add_probabilities(json, metrics) && add_sources(json, metrics)
        && add_sweep(json, metrics) && desy_thresholds_json(json, &metrics->thresholds)
        && desy_prevalence_table_json(json, &metrics->point, options->threshold_from, &metrics->thresholds) && add_notes(json, metrics, options) && desy_json_add_copy(json, "provenance", options->provenance))
        return DESY_OK;
    cJSON_Delete(json);
    *out = NULL;
    return desy_error_memory("the figures of the report");
}
