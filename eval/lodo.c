#include "eval/lodo.h"

#include "base/error.h"
#include "base/random.h"
#include "eval/calibration.h"
#include "eval/interval.h"
#include "eval/pairs.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRAWS 300 /* of calibration's intervals, and of the ECE of perfect calibration */

static double *scores_of(const struct desy_lodo *lodo, int kind, int view)
{
    return lodo->scores + ((size_t)kind * (size_t)lodo->views + (size_t)view) * (size_t)lodo->cells * lodo->items;
}

static int open_pairs(struct desy_pairs *pairs, const struct desy_lodo *lodo, int kind, int view)
{
    return desy_pairs_open(pairs, scores_of(lodo, kind, view), lodo->cells, lodo->items, lodo->labels, lodo->sources, lodo->n_sources);
}

static void add_number(cJSON *object, const char *key, double value)
{
    if (isfinite(value)) cJSON_AddNumberToObject(object, key, value); /* not computed: absent */
}

static void add_interval(cJSON *object, const char *key, const double interval[2])
{
    if (isfinite(interval[0])) cJSON_AddItemToObject(object, key, cJSON_CreateDoubleArray(interval, 2));
}

/* Share of the pairs, with both intervals. */
static int add_pairs(cJSON *to, const char *key, const struct desy_pairs *pairs, uint64_t seed)
{
    double right, all, interval[2];
    cJSON *json = cJSON_CreateObject();
    int rc = DESY_OK;
    desy_pairs_count(pairs, NULL, &right, &all);
    if (all > 0) {
        cJSON_AddItemToObject(to, key, json);
        add_number(json, "pairs", all);
        add_number(json, "ranked_right", right / all);
        DESY_TRY(desy_pairs_interval(pairs, NULL, DESY_PAIRS_CLIPS, seed, interval));
        add_interval(json, "ci_clips", interval);
        DESY_TRY(desy_pairs_interval(pairs, NULL, DESY_PAIRS_SOURCES, seed, interval));
        add_interval(json, "ci_sources", interval);
    } else cJSON_Delete(json);
out:
    return rc;
}

/* Every kind in every view. */
static int add_views(const struct desy_lodo *lodo, cJSON *json)
{
    int rc = DESY_OK;
    for (int view = 0; rc == DESY_OK && view < lodo->views; view++) {
        char name[24];
        snprintf(name, sizeof name, view ? "view_%d" : "as_is", view);
        cJSON *of_view = cJSON_AddObjectToObject(json, name);
        for (int kind = 0; rc == DESY_OK && kind < lodo->n_kinds; kind++) {
            struct desy_pairs pairs;
            rc = open_pairs(&pairs, lodo, kind, view);
            if (rc == DESY_OK) rc = add_pairs(of_view, lodo->kinds[kind], &pairs, lodo->seed);
            desy_pairs_close(&pairs);
        }
    }
    return rc;
}

/* Each source against all of the other label, view by view; the interval is that of clips as they are. */
static int add_sources(const struct desy_lodo *lodo, cJSON *json, int label)
{
    double *weights = malloc((lodo->items + 1) * sizeof *weights);
    int rc = weights ? DESY_OK : desy_error_memory("the figures of a source");
    for (size_t s = 0; rc == DESY_OK && s < lodo->n_sources; s++) {
        size_t n = 0;
        for (size_t i = 0; i < lodo->items; i++) {
            weights[i] = lodo->labels[i] != label || lodo->sources[i] == s;
            n += lodo->labels[i] == label && lodo->sources[i] == s;
        }
        if (n == 0) continue;
        double interval[2] = {NAN, NAN};
        cJSON *row = cJSON_CreateObject(), *shares = cJSON_CreateArray();
        cJSON_AddItemToArray(json, row);
        cJSON_AddStringToObject(row, "source", lodo->names[s]);
        cJSON_AddNumberToObject(row, "clips", (double)n);
        cJSON_AddItemToObject(row, "ranked_right", shares);
        for (int view = 0; rc == DESY_OK && view < lodo->views; view++) {
            struct desy_pairs pairs;
            rc = open_pairs(&pairs, lodo, 0, view);
            const double share = rc == DESY_OK ? desy_pairs_share(&pairs, weights) : NAN;
            if (isfinite(share)) cJSON_AddItemToArray(shares, cJSON_CreateNumber(share)); /* none: no clip of it could be read */
            if (rc == DESY_OK && view == 0) rc = desy_pairs_interval(&pairs, weights, DESY_PAIRS_CLIPS, lodo->seed, interval);
            desy_pairs_close(&pairs);
        }
        add_interval(row, "ci_clips", interval);
    }
    free(weights);
    return rc;
}

/* Pairs of clips that came in the same packaging. */
static int add_equal_packaging(const struct desy_lodo *lodo, cJSON *json, int kind)
{
    struct desy_pairs pairs;
    double right = 0, all = 0, *weights = malloc((lodo->items + 1) * sizeof *weights);
    bool *done = calloc(lodo->items + 1, sizeof *done);
    int rc = open_pairs(&pairs, lodo, kind, 0);
    if (rc == DESY_OK && (!weights || !done)) rc = desy_error_memory("a control");
    for (size_t k = 0; rc == DESY_OK && k < lodo->items; k++) {
        double of_right, of_all;
        if (done[k]) continue;
        for (size_t i = 0; i < lodo->items; i++) {
            weights[i] = lodo->packaging[i] == lodo->packaging[k];
            done[i] |= weights[i] > 0;
        }
        desy_pairs_count(&pairs, weights, &of_right, &of_all);
        right += of_right, all += of_all;
    }
    if (all > 0) {
        cJSON *control = cJSON_AddObjectToObject(json, kind ? "equal_packaging_metadata" : "equal_packaging");
        add_number(control, "pairs", all);
        add_number(control, "ranked_right", right / all);
    }
    desy_pairs_close(&pairs);
    free(weights);
    free(done);
    return rc;
}

/* An AI-generated clip and the real ones that look most like it. */
static void add_content_control(const struct desy_lodo *lodo, cJSON *json)
{
    const double *scores = scores_of(lodo, 0, 0);
    double right = 0, all = 0;
    for (size_t i = 0; i < lodo->items; i++)
        for (int k = 0; lodo->labels[i] == 1 && k < lodo->n_neighbours; k++) {
            const size_t j = lodo->neighbours[i * (size_t)lodo->n_neighbours + (size_t)k];
            for (int c = 0; j < lodo->items && c < lodo->cells; c++) { /* of one cell alone both are scored */
                const double ai = scores[(size_t)c * lodo->items + i], real = scores[(size_t)c * lodo->items + j];
                if (isnan(ai) || isnan(real)) continue;
                right += ai > real ? 1 : ai == real ? .5 : 0;
                all++;
            }
        }
    if (all == 0) return;
    cJSON *control = cJSON_AddObjectToObject(json, "content_matched");
    add_number(control, "pairs", all);
    add_number(control, "ranked_right", right / all);
}

static void add_real_against_real(const struct desy_lodo *lodo, cJSON *json)
{
    double sum = 0;
    if (lodo->n_halves == 0) return;
    for (int i = 0; i < lodo->n_halves; i++) sum += lodo->real_against_real[i];
    cJSON *control = cJSON_AddObjectToObject(json, "real_against_real");
    add_number(control, "roc_auc", sum / lodo->n_halves);
    cJSON_AddItemToObject(control, "of_halves", cJSON_CreateDoubleArray(lodo->real_against_real, lodo->n_halves));
}

/* ---- what the models say of clips of sources that they did not see: calibration and alarms ---- */

struct saying {
    double logit, weight; /* a clip that several models score counts once in all */
    size_t item;
    int label, cell;
};

static int list_sayings(const struct desy_lodo *lodo, struct saying **list, size_t *n)
{
    const double *scores = scores_of(lodo, 0, 0);
    *n = 0;
    *list = malloc(((size_t)lodo->cells * lodo->items + 1) * sizeof **list);
    if (!*list) return desy_error_memory("calibration");
    for (size_t i = 0; i < lodo->items; i++) {
        const size_t first = *n;
        for (int c = 0; c < lodo->cells; c++) {
            const double logit = scores[(size_t)c * lodo->items + i];
            if (!isnan(logit)) (*list)[(*n)++] = (struct saying){logit, 0, i, lodo->labels[i], c};
        }
        for (size_t k = first; k < *n; k++) (*list)[k].weight = 1 / (double)(*n - first);
    }
    return DESY_OK;
}

/* Sayings as forecasts, with classes weighted to halves, as the logits mean it. times: (items), how often a clip was drawn; NULL: once. */
struct weighted {
    const struct saying *list;
    const double *times;
    double total[2];
};

static double times_of(const struct weighted *w, const struct saying *saying) { return w->times ? w->times[saying->item] : 1; }

static struct desy_forecast saying_at(const void *context, size_t k)
{
    const struct weighted *w = context;
    const struct saying *saying = &w->list[k];
    const double times = times_of(w, saying); /* of a draw without a clip of its class: 0, and so is the total */
    return (struct desy_forecast){desy_probability(saying->logit), times > 0 ? saying->weight * times / (2 * w->total[saying->label]) : 0, saying->label, saying->item};
}

static struct desy_forecasts weigh(struct weighted *w, size_t n)
{
    struct desy_forecasts forecasts = {n, n, 0, w, saying_at};
    for (size_t k = 0; k < n; k++) w->total[w->list[k].label] += w->list[k].weight * times_of(w, &w->list[k]);
    for (size_t k = 0; k < n; k++) forecasts.heaviest = fmax(forecasts.heaviest, saying_at(w, k).weight);
    return forecasts;
}

static void add_percentiles(cJSON *json, const char *key, double *values, size_t n)
{
    double interval[2];
    desy_percentiles(values, n, interval);
    add_interval(json, key, interval);
}

/* Intervals by drawing clips again; a draw in which classes do not overlap has no slope. */
static int add_draws(const struct desy_lodo *lodo, const struct saying *list, size_t n, cJSON *json)
{
    static const double labels[2] = {0, 1};
    double slopes[DRAWS], intercepts[DRAWS], briers[DRAWS], log_loss;
    size_t fits = 0;
    int rc = DESY_OK;
    double *times = malloc((lodo->items + 1) * sizeof *times);
    if (!times) return desy_error_memory("calibration");
    for (int d = 0; d < DRAWS; d++) {
        memset(times, 0, lodo->items * sizeof *times);
        for (size_t k = 0; k < lodo->items; k++) times[(size_t)(desy_random_uniform(lodo->seed, (uint64_t)d, k) * (double)lodo->items)]++;
        struct weighted w = {.list = list, .times = times};
        const struct desy_forecasts forecasts = weigh(&w, n);
        struct desy_logistic cox;
        DESY_TRY(desy_logistic_fit(lodo->alone, &forecasts, labels, true, &cox));
        DESY_TRY(desy_forecast_losses(lodo->alone, &forecasts, &briers[d], &log_loss));
        if (cox.exists) slopes[fits] = cox.slope, intercepts[fits++] = cox.intercept;
    }
    add_percentiles(json, "slope_ci", slopes, fits);
    add_percentiles(json, "intercept_ci", intercepts, fits);
    add_percentiles(json, "brier_ci", briers, DRAWS);
out:
    free(times);
    return rc;
}

static int add_calibration(const struct desy_lodo *lodo, const struct saying *list, size_t n, cJSON *json)
{
    static const double labels[2] = {0, 1};
    struct weighted w = {.list = list};
    const struct desy_forecasts forecasts = weigh(&w, n);
    struct desy_logistic cox;
    struct desy_bins bins;
    double edges[DESY_BINS + 1], brier, log_loss;
    int rc;
    desy_bins_equal_width(edges);
    DESY_TRY(desy_logistic_fit(lodo->alone, &forecasts, labels, true, &cox));
    DESY_TRY(desy_forecast_losses(lodo->alone, &forecasts, &brier, &log_loss));
    DESY_TRY(desy_bins_measure(lodo->alone, &forecasts, edges, lodo->seed, DRAWS, DRAWS, &bins, NULL));
    if (cox.exists) {
        add_number(json, "slope", cox.slope);
        add_number(json, "intercept", cox.intercept);
    }
    add_number(json, "brier", brier);
    add_number(json, "brier_of_base_rate", .25); /* of always saying .5: the classes weigh the same */
    add_number(json, "ece", bins.ece);
    add_number(json, "ece_of_perfect_calibration", bins.expected);
    rc = add_draws(lodo, list, n, json);
out:
    return rc;
}

/* Clips above the threshold of the model that scored them, and above .5. */
struct alarms {
    double clips, at_threshold, at_half;
};

static void count_saying(struct alarms *alarms, const struct desy_lodo *lodo, const struct saying *saying)
{
    alarms->clips += saying->weight;
    alarms->at_threshold += saying->weight * (desy_probability(saying->logit) >= lodo->thresholds[saying->cell]);
    alarms->at_half += saying->weight * (saying->logit >= 0);
}

static int add_alarms(const struct desy_lodo *lodo, const struct saying *list, size_t n, cJSON *json)
{
    struct alarms of_label[2] = {{0}}, *of_source = calloc(lodo->n_sources + 1, sizeof *of_source);
    int *label = calloc(lodo->n_sources + 1, sizeof *label);
    const int rc = of_source && label ? DESY_OK : desy_error_memory("false alarms");
    cJSON *by_source = cJSON_CreateArray();
    for (size_t k = 0; rc == DESY_OK && k < n; k++) {
        const size_t source = lodo->sources[list[k].item];
        count_saying(&of_label[list[k].label], lodo, &list[k]);
        count_saying(&of_source[source], lodo, &list[k]);
        label[source] = list[k].label;
    }
    for (size_t s = 0; rc == DESY_OK && s < lodo->n_sources; s++) {
        if (label[s] || of_source[s].clips == 0) continue;
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "source", lodo->names[s]);
        add_number(row, "clips", rint(of_source[s].clips)); /* a sum of parts that make whole clips */
        add_number(row, "false_alarms", of_source[s].at_threshold / of_source[s].clips);
        cJSON_AddItemToArray(by_source, row);
    }
    add_number(json, "false_alarms", of_label[0].at_threshold / of_label[0].clips);
    add_number(json, "detected", of_label[1].at_threshold / of_label[1].clips);
    add_number(json, "false_alarms_at_half", of_label[0].at_half / of_label[0].clips);
    add_number(json, "detected_at_half", of_label[1].at_half / of_label[1].clips);
    cJSON_AddItemToObject(json, "by_source", by_source);
    free(of_source);
    free(label);
    return rc;
}

int desy_lodo_figures(const struct desy_lodo *lodo, cJSON **out)
{
    struct saying *list = NULL;
    size_t n[2] = {0}, n_sayings;
    int rc;
    cJSON *json = *out = cJSON_CreateObject();
    if (!json) return desy_error_memory("figures");
    for (size_t i = 0; i < lodo->items; i++) n[lodo->labels[i]]++;
    add_number(json, "n_ai", (double)n[1]);
    add_number(json, "n_real", (double)n[0]);
    add_number(json, "cells", lodo->cells);
    cJSON *views = cJSON_AddObjectToObject(json, "views");
    DESY_TRY(add_views(lodo, views));
    if (!cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(views, "as_is"), "fused"))
        DESY_TRY(desy_error(DESY_EDATA, "no pair of an AI-generated and a real clip was scored"));
    DESY_TRY(add_sources(lodo, cJSON_AddArrayToObject(json, "by_generator"), 1));
    DESY_TRY(add_sources(lodo, cJSON_AddArrayToObject(json, "by_real_source"), 0));
    cJSON *controls = cJSON_AddObjectToObject(json, "controls");
    DESY_TRY(add_equal_packaging(lodo, controls, 0));
    DESY_TRY(add_equal_packaging(lodo, controls, lodo->metadata));
    add_content_control(lodo, controls);
    add_real_against_real(lodo, controls);
    DESY_TRY(list_sayings(lodo, &list, &n_sayings));
    DESY_TRY(add_calibration(lodo, list, n_sayings, cJSON_AddObjectToObject(json, "calibration")));
    rc = add_alarms(lodo, list, n_sayings, cJSON_AddObjectToObject(json, "operating_point"));
out:
    free(list);
    if (rc != DESY_OK) {
        cJSON_Delete(*out);
        *out = NULL;
    }
    return rc;
}
