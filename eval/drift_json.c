#include "eval/drift_report.h"

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "eval/figures.h"
#include "eval/timestamp.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const desy_drift_verdict_names[] = {"too little data", "healthy", "watch", "retrain"};

enum desy_drift_verdict desy_drift_verdict(const struct desy_drift_report *report)
{
    const struct desy_drift *drift = report->drift;
    const enum desy_drift_status labels = report->labels ? report->labels->status : DESY_DRIFT_TOO_LITTLE;
    enum desy_drift_status worst = labels;
    if (desy_drift_all(drift)->scores[DESY_DRIFT_LOGIT].status == DESY_DRIFT_STATUS_DRIFT || labels == DESY_DRIFT_STATUS_DRIFT) return DESY_VERDICT_RETRAIN;
    for (size_t i = 0; i < 1 + drift->n_sources + drift->n_windows; i++)
        if (drift->slices[i].status > worst) worst = drift->slices[i].status;
    return worst >= DESY_DRIFT_STATUS_WATCH ? DESY_VERDICT_WATCH : worst == DESY_DRIFT_STABLE ? DESY_VERDICT_HEALTHY : DESY_VERDICT_NONE;
}

static bool say(cJSON *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool say(cJSON *list, const char *format, ...)
{
    char text[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cJSON *string = NULL;
    char *clean = desy_text_clean(text, sizeof text); /* a name may have been cut within a character */
    if (clean) string = cJSON_CreateString(clean);
    free(clean);
    if (string && cJSON_AddItemToArray(list, string)) return true;
    cJSON_Delete(string);
    return false;
}

/* ---- figures ---- */

static bool add(cJSON *object, const char *key, double value) { return isnan(value) || desy_figure(object, key, value); }

/* Of a path, which need not be UTF-8. */
static bool add_clean(cJSON *object, const char *key, const char *text)
{
    char *clean = desy_text_clean(text, 4096);
    const bool added = clean && desy_figure_text(object, key, clean);
    free(clean);
    return added;
}

static bool add_comparison(cJSON *object, const struct desy_drift_comparison *c)
{
    const struct desy_drift_figures *f = &c->figures;
    cJSON *shares, *of_reference;
    if (!desy_figure_integer(object, "n", f->n) || !desy_figure_text(object, "status", desy_drift_status_names[c->status])) return false;
    if (f->n == 0) return true;
    if (!add(object, "mean", f->mean) || !add(object, "reference_mean", f->reference_mean) || !add(object, "psi", f->psi) || !add(object, "psi_by_chance", f->psi_by_chance) || !add(object, "ks", f->ks) ||
        !add(object, "ks_p", f->ks_p) || !add(object, "ks_p_adjusted", c->adjusted) || !desy_figure_text(object, "ks_method", f->ks_exact ? "exact" : "asymptotic"))
        return false;
    shares = cJSON_CreateDoubleArray(f->share, f->bins), of_reference = cJSON_CreateDoubleArray(f->reference_share, f->bins);
    return cJSON_AddItemToObject(object, "shares", shares) && cJSON_AddItemToObject(object, "reference_shares", of_reference);
}

static bool add_slice(cJSON *object, const struct desy_drift_slice *slice)
{
    char text[DESY_TIMESTAMP_TEXT];
    cJSON *scores;
    if (!desy_figure_text(object, "name", slice->name) || !desy_figure_integer(object, "n", (int64_t)slice->n) || !desy_figure_text(object, "status", desy_drift_status_names[slice->status])) return false;
    if (!isnan(slice->begin) && (!desy_figure_text(object, "begin", desy_timestamp_text(text, slice->begin)) || !desy_figure_text(object, "end", desy_timestamp_text(text, slice->end)))) return false;
    if (!(scores = cJSON_AddObjectToObject(object, "scores"))) return false;
    for (int s = 0; s < DESY_DRIFT_SCORES; s++) {
        if (slice->scores[s].figures.n == 0) continue;
        cJSON *score = cJSON_AddObjectToObject(scores, desy_drift_score_names[s]);
        if (!score || !add_comparison(score, &slice->scores[s])) return false;
    }
    if (isnan(slice->mmd.p)) return true;
    cJSON *together = cJSON_AddObjectToObject(object, "features_together");
    return together && desy_figure_text(together, "status", desy_drift_status_names[slice->features]) && desy_figure(together, "mmd_squared", slice->mmd.squared)
           && desy_figure(together, "bandwidth", slice->mmd.bandwidth) && desy_figure(together, "p", slice->mmd.p) && desy_figure(together, "p_adjusted", slice->mmd_adjusted)
           && desy_figure_integer(together, "permutations", DESY_MMD_PERMUTATIONS);
}

static bool add_slices(cJSON *json, const char *key, const struct desy_drift_slice *slices, size_t n)
{
    cJSON *list = n ? cJSON_AddArrayToObject(json, key) : NULL;
    for (size_t i = 0; list && i < n; i++) {
        cJSON *entry = desy_figure_entry(list);
        if (!entry || !add_slice(entry, &slices[i])) return false;
    }
    return list || n == 0;
}

static bool add_features(cJSON *json, const struct desy_drift_report *report)
{
    const struct desy_drift *drift = report->drift;
    cJSON *list = drift->columns ? cJSON_AddArrayToObject(json, "features") : NULL;
    for (size_t k = 0; list && k < drift->columns; k++) {
        cJSON *entry = desy_figure_entry(list);
        if (!entry || !desy_figure_text(entry, "name", report->reference->features[k].name) || !add_comparison(entry, &drift->features[k])) return false;
    }
    return list || drift->columns == 0;
}

static bool add_labels(cJSON *json, const struct desy_drift_labels *l)
{
    cJSON *object = l ? cJSON_AddObjectToObject(json, "feedback") : NULL;
    if (!object) return l == NULL;
    bool ok = desy_figure_text(object, "status", desy_drift_status_names[l->status]) && desy_figure_integer(object, "n", (int64_t)l->used) && desy_figure_integer(object, "n_pos", l->n_pos)
              && desy_figure_integer(object, "n_neg", l->n_neg) && desy_figure_integer(object, "from_web", (int64_t)l->from_web) && desy_figure_integer(object, "pending", (int64_t)l->pending)
              && desy_figure_integer(object, "rejected", (int64_t)l->rejected) && desy_figure_integer(object, "conflicting", (int64_t)l->conflicting)
              && desy_figure_integer(object, "other_models", (int64_t)l->other_models) && desy_figure_integer(object, "unscored", (int64_t)l->unscored);
    if (l->used == 0) return ok;
    if (ok && l->both) ok = desy_figure(object, "roc_auc", l->auc) && desy_figure_interval(object, "roc_auc_ci", l->auc_ci);
    return ok && add(object, "trained_roc_auc", l->trained_auc) && desy_figure(object, "brier", l->brier) && desy_figure(object, "ece", l->ece) && add(object, "ece_expected_95", l->ece_expected_95)
           && desy_figure(object, "threshold", l->threshold) && desy_figure_rate(object, "accuracy", l->right, (int64_t)l->used);
}

static bool add_settings(cJSON *json, const struct desy_drift_report *report)
{
    cJSON *o = cJSON_AddObjectToObject(json, "settings");
    return o && desy_figure_integer(o, "psi_bins", DESY_PSI_BINS) && desy_figure(o, "psi_smoothing", DESY_PSI_SMOOTHING) && desy_figure(o, "psi_watch", DESY_PSI_WATCH)
           && desy_figure(o, "psi_drift", DESY_PSI_DRIFT) && desy_figure(o, "p_watch", DESY_DRIFT_WATCH_P) && desy_figure(o, "p_drift", DESY_DRIFT_DRIFT_P)
           && desy_figure_integer(o, "least", DESY_DRIFT_LEAST) && desy_figure_integer(o, "tests", (int64_t)report->drift->tests) && desy_figure_text(o, "correction", "Benjamini-Hochberg")
           && desy_figure_text(o, "windows_by", report->drift->by_time ? "time" : "order") && desy_figure_integer(o, "seed", (int64_t)report->seed);
}

/* ---- words ---- */

static bool say_comparison(cJSON *reasons, const char *what, const struct desy_drift_comparison *c)
{
    if (c->status < DESY_DRIFT_STATUS_WATCH) return true;
    const double moved = c->figures.mean - c->figures.reference_mean;
    return say(reasons, "%s: %s: PSI %.3f (%.3f would be chance), KS %.3f with an adjusted p of %.2g; its mean has gone %s by %.3f, to %.3f", desy_drift_status_names[c->status], what, c->figures.psi,
               c->figures.psi_by_chance, c->figures.ks, c->adjusted, moved < 0 ? "down" : "up", fabs(moved), c->figures.mean);
}

static bool say_slice(cJSON *reasons, const char *kind, const struct desy_drift_slice *slice)
{
    char what[400];
    for (int s = 0; s < DESY_DRIFT_SCORES; s++) {
        snprintf(what, sizeof what, "the %s%s of %s%.300s", desy_drift_score_names[s], s == DESY_DRIFT_LOGIT ? "" : " level's logit", kind, *kind ? slice->name : "all clips");
        if (!say_comparison(reasons, what, &slice->scores[s])) return false;
    }
    return slice->features < DESY_DRIFT_STATUS_WATCH
           || say(reasons, "watch: the features of %s%.300s, taken together, are not those of the reference: MMD squared %.4f, adjusted p %.2g", kind, *kind ? slice->name : "all clips", slice->mmd.squared, slice->mmd_adjusted);
}

static bool say_labels(cJSON *reasons, const struct desy_drift_labels *l)
{
    bool ok = true;
    if (!l) return true;
    if (l->ranking >= DESY_DRIFT_STATUS_WATCH)
        ok = say(reasons, "%s: by %zu reviewed labels the model ranks %.3f of the pairs right (%.3f to %.3f), out of fold it was %.3f", desy_drift_status_names[l->ranking], l->used, l->auc, l->auc_ci[0], l->auc_ci[1], l->trained_auc);
    if (ok && l->calibration >= DESY_DRIFT_STATUS_WATCH)
        ok = say(reasons, "watch: by %zu reviewed labels its probabilities are off by %.3f on average (ECE), where chance would give up to %.3f", l->used, l->ece, l->ece_expected_95);
    return ok;
}

static bool say_reasons(cJSON *reasons, const struct desy_drift_report *report)
{
    const struct desy_drift *drift = report->drift;
    char what[200];
    bool ok = say_labels(reasons, report->labels) && say_slice(reasons, "", desy_drift_all(drift));
    for (size_t k = 0; ok && k < drift->columns; k++) {
        snprintf(what, sizeof what, "the feature %.100s", report->reference->features[k].name);
        ok = say_comparison(reasons, what, &drift->features[k]);
    }
    for (size_t i = 0; ok && i < drift->n_sources; i++) ok = say_slice(reasons, "the source ", desy_drift_source(drift, i));
    for (size_t i = 0; ok && i < drift->n_windows; i++) ok = say_slice(reasons, drift->by_time ? "the time " : "", desy_drift_window(drift, i));
    if (!ok || cJSON_GetArraySize(reasons) > 0) return ok;
    if (desy_drift_verdict(report) == DESY_VERDICT_NONE)
        return say(reasons, "%zu clips with a score, and no part of them with %d or more of them and of the reference: nothing can be told apart from chance", report->rows->n, DESY_DRIFT_LEAST);
    return say(reasons, "nothing has moved beyond chance and the conventional bands, in %zu tests", drift->tests);
}

static bool say_notes(cJSON *notes, const struct desy_drift_report *report)
{
    const struct desy_drift_rows *rows = report->rows;
    const struct desy_drift_labels *l = report->labels;
    bool ok = say(notes, "A drift of the scores says that other videos come in, or that the share of AI-generated ones has changed; not that the verdicts have got worse. That only reviewed labels tell.");
    if (ok && report->same_clips) ok = say(notes, "The store is the one that the model was trained on: its heads know these clips, and scores lie further apart than those of the reference, which are out of fold.");
    if (ok && rows->failed) ok = say(notes, "%zu of %zu clips have no score, and are left out.", rows->failed, rows->n + rows->failed);
    if (ok && rows->timed && rows->timed < rows->n) ok = say(notes, "%zu clips have no time, and are in no window.", rows->n - rows->timed);
    if (ok && report->drift->sources_left_out) ok = say(notes, "%zu more sources, of fewer clips, are not shown.", report->drift->sources_left_out);
    for (size_t i = 0; ok && i < rows->models.texts.n && i < 5; i++)
        if (strcmp(desy_texts_at(&rows->models.texts, i), report->model) != 0)
            ok = say(notes, "There are scores by a model named %.100s, which are compared with the reference of %.100s.", desy_texts_at(&rows->models.texts, i), report->model);
    if (ok && l && l->used > 0) ok = say(notes, "Reviewed labels are of the videos that somebody chose to label%s: they speak for all videos only if they were drawn at random.", l->from_web ? ", and on the web people report what is wrong" : "");
    if (ok && l && l->status == DESY_DRIFT_TOO_LITTLE) ok = say(notes, "Reviewed labels of %zu videos: for a verdict %d are needed, %d of each class.", l->used, DESY_LABELS_LEAST, DESY_LABELS_LEAST_CLASS);
    return ok;
}

static bool describe(cJSON *json, const struct desy_drift_report *report)
{
    const struct desy_drift *drift = report->drift;
    cJSON *all, *reasons, *notes;
    bool ok = desy_figure_text(json, "schema", "desy-drift-1") && desy_figure_text(json, "verdict", desy_drift_verdict_names[desy_drift_verdict(report)])
              && (reasons = cJSON_AddArrayToObject(json, "reasons")) && say_reasons(reasons, report) && (notes = cJSON_AddArrayToObject(json, "notes")) && say_notes(notes, report)
              && add_clean(json, "subject", report->subject) && desy_figure_text(json, "model", report->model) && desy_figure_text(json, "model_sha256", report->model_sha256)
              && add_clean(json, "reference", report->reference->over) && desy_figure_integer(json, "n", (int64_t)report->rows->n) && desy_figure_integer(json, "n_failed", (int64_t)report->rows->failed)
              && (all = cJSON_AddObjectToObject(json, "all")) && add_slice(all, desy_drift_all(drift));
    return ok && add_features(json, report) && add_slices(json, "sources", drift->slices + 1, drift->n_sources) && add_slices(json, "windows", drift->slices + 1 + drift->n_sources, drift->n_windows)
           && add_labels(json, report->labels) && add_settings(json, report);
}

int desy_drift_json(cJSON **json, const struct desy_drift_report *report)
{
    *json = cJSON_CreateObject();
    if (*json && describe(*json, report)) return DESY_OK;
    cJSON_Delete(*json);
    *json = NULL;
    return desy_error_memory("the report");
}
