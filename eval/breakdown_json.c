#include "eval/breakdown_table.h"

#include "base/error.h"
#include "eval/figures.h"

#include <math.h>
#include <stdio.h>

static const char *const lists[2] = {"real_sources", "generators"}, *const worst[2] = {"worst_real_source", "worst_generator"}, *const rates[2] = {"fpr", "tpr"};

static bool add_source(cJSON *entry, const struct desy_breakdown *b, size_t source, int label)
{
    const size_t at = 2 * source + (size_t)label;
    struct desy_auc auc;
    return desy_figure_text(entry, "source", b->sources->names[source]) && desy_figure_integer(entry, "n", b->counts[at]) && desy_figure_integer(entry, "called", b->called[at])
           && desy_figure_rate(entry, rates[label], b->called[at], b->counts[at])
           && (!desy_breakdown_source_auc(b, source, label, &auc) || desy_figure_auc(entry, &auc));
}

static bool add_list(cJSON *breakdown, const struct desy_breakdown *b, int label)
{
    cJSON *list = cJSON_AddArrayToObject(breakdown, lists[label]);
    for (size_t i = 0; list && i < b->n_listed[label]; i++) {
        cJSON *entry = desy_figure_entry(list);
        if (!entry || !add_source(entry, b, b->listed[label][i], label)) return false;
    }
    return list != NULL;
}

/* Unweighted means over all sources of a label. */
static bool add_macro(cJSON *macro, const struct desy_breakdown *b, int label)
{
    double areas = 0, called = 0;
    int64_t n_areas = 0;
    for (size_t s = 0; s < b->sources->n; s++) {
        const size_t at = 2 * s + (size_t)label;
        if (b->counts[at] == 0) continue;
        called += (double)b->called[at] / (double)b->counts[at];
        const double area = desy_cells_key_area(&b->cells, s, label);
        if (isnan(area)) continue;
        areas += area;
        n_areas++;
    }
    if (b->n_sources[label] == 0) return true;
    cJSON *entry = cJSON_AddObjectToObject(macro, lists[label]);
    return entry && desy_figure_integer(entry, "n", (int64_t)b->n_sources[label]) && desy_figure(entry, rates[label], called / (double)b->n_sources[label])
           && (n_areas == 0 || desy_figure(entry, "roc_auc", areas / (double)n_areas));
}

/* The generator of which the smallest share is caught, the real source with the most false alarms; among equals the lower area, then the name. */
static bool is_worse(const struct desy_breakdown *b, int label, size_t source, size_t than, double area, double than_area)
{
    const size_t x = 2 * source + (size_t)label, y = 2 * than + (size_t)label;
    const double rate = (double)b->called[x] / (double)b->counts[x], than_rate = (double)b->called[y] / (double)b->counts[y];
    if (rate != than_rate) return label ? rate < than_rate : rate > than_rate;
    return area < than_area;
}

static bool add_worst(cJSON *breakdown, cJSON *notes, const struct desy_breakdown *b, int label)
{
    size_t found = b->sources->n;
    double lowest = 1;
    char text[160];
    for (size_t s = 0; s < b->sources->n; s++) {
        if (b->counts[2 * s + (size_t)label] < DESY_FEW) continue;
        const double area = fmin(1, desy_cells_key_area(&b->cells, s, label)); /* 1: there is none */
        if (found < b->sources->n && !is_worse(b, label, s, found, area, lowest)) continue;
        found = s;
        lowest = area;
    }
    if (found < b->sources->n) {
        cJSON *entry = cJSON_AddObjectToObject(breakdown, worst[label]);
        return entry && add_source(entry, b, found, label);
    }
    if (b->n_sources[label] == 0) return true;
    snprintf(text, sizeof text, "No %s has %d clips: too few to say which is the worst.", label ? "generator" : "real source", DESY_FEW);
    return cJSON_AddItemToArray(notes, cJSON_CreateString(text));
}

static bool add_pair(cJSON *list, const char *generator, const char *real_source, const struct desy_auc *auc)
{
    cJSON *entry = desy_figure_entry(list);
    return entry && (!generator || desy_figure_text(entry, "generator", generator)) && (!real_source || desy_figure_text(entry, "real_source", real_source))
           && desy_figure_auc(entry, auc);
}

static bool add_cells(cJSON *breakdown, cJSON *inverted, const struct desy_breakdown *b)
{
    cJSON *cells = cJSON_AddArrayToObject(breakdown, "cells");
    struct desy_auc auc;
    if (!cells) return false;
    for (size_t g = 0; g < b->n_listed[1]; g++)
        for (size_t r = 0; r < b->n_listed[0]; r++) {
            if (!desy_cells_auc(&b->cells, g, r, &auc)) continue;
            const char *generator = b->sources->names[b->listed[1][g]], *real_source = b->sources->names[b->listed[0][r]];
            if (!add_pair(cells, generator, real_source, &auc)) return false;
            if (desy_breakdown_is_inverted(&auc) && !add_pair(inverted, generator, real_source, &auc)) return false;
        }
    return true;
}

/* Sources, listed or not, against all of the other class: `generator` or `real_source` alone. At most so many. */
static bool add_inverted_sources(cJSON *inverted, const struct desy_breakdown *b, int label)
{
    struct desy_auc auc;
    for (size_t s = 0, n = 0; s < b->sources->n && n < DESY_BREAKDOWN_MOST; s++) {
        if (!(desy_cells_key_area(&b->cells, s, label) < .5) || !desy_breakdown_source_auc(b, s, label, &auc) || !desy_breakdown_is_inverted(&auc)) continue;
        if (!add_pair(inverted, label ? b->sources->names[s] : NULL, label ? NULL : b->sources->names[s], &auc)) return false;
        n++;
    }
    return true;
}

static bool add_size(cJSON *breakdown, cJSON *notes, const struct desy_breakdown *b, int label)
{
    char text[200];
    const char *key = label ? "n_generators" : "n_real_sources";
    if (!desy_figure_integer(breakdown, key, (int64_t)b->n_sources[label])) return false;
    if (b->n_sources[label] <= b->n_listed[label]) return true;
    snprintf(text, sizeof text, "Of the %zu %s the %zu with the most clips are listed here; macro means and the worst are over all of them, and breakdown.csv has them all.",
             b->n_sources[label], label ? "generators" : "real sources", b->n_listed[label]);
    return cJSON_AddItemToArray(notes, cJSON_CreateString(text));
}

int desy_breakdown_json(const struct desy_breakdown *b, cJSON *json)
{
    cJSON *breakdown = cJSON_AddObjectToObject(json, "breakdown"), *notes = cJSON_CreateArray(), *inverted = cJSON_CreateArray();
    cJSON *macro = breakdown ? cJSON_AddObjectToObject(breakdown, "macro") : NULL;
    bool ok = macro && notes && inverted && desy_figure_text(breakdown, "unit", "clip (independence assumed, 95 %)");
    for (int label = 1; ok && label >= 0; label--)
        ok = add_size(breakdown, notes, b, label) && add_list(breakdown, b, label) && add_macro(macro, b, label) && add_worst(breakdown, notes, b, label)
             && add_inverted_sources(inverted, b, label);
    ok = ok && add_cells(breakdown, inverted, b);
    if (breakdown && cJSON_AddItemToObject(breakdown, "inverted", inverted)) inverted = NULL;
    if (breakdown && cJSON_AddItemToObject(breakdown, "notes", notes)) notes = NULL;
    ok = ok && !inverted && !notes;
    cJSON_Delete(inverted);
    cJSON_Delete(notes);
    return ok ? DESY_OK : desy_error_memory("the breakdown by source");
}
