#include "eval/uncertainty.h"

#include "base/error.h"
#include "eval/figures.h"
#include "eval/interval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FEW_SOURCES 5

static bool note(cJSON *json, const char *text)
{
    return cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(json, "notes"), cJSON_CreateString(text));
}

/* k of n; nothing where there is none. */
static bool add_rate(cJSON *json, const char *key, int64_t k, int64_t n)
{
    double interval[2];
    if (n == 0) return true;
    desy_clopper_pearson(k, n, interval);
    return desy_figure_interval(json, key, interval);
}

static bool add_rates(cJSON *json, const struct desy_operating_point *p)
{
    return add_rate(json, "accuracy_ci", p->tp + p->tn, p->tp + p->tn + p->fp + p->fn) && add_rate(json, "tpr_ci", p->tp, p->tp + p->fn) && add_rate(json, "fpr_ci", p->fp, p->fp + p->tn)
           && add_rate(json, "tnr_ci", p->tn, p->fp + p->tn) && add_rate(json, "precision_ci", p->tp, p->tp + p->fp)
           && add_rate(json, "npv_ci", p->tn, p->tn + p->fn);
}

int desy_uncertainty_unit(desy_world *world, const struct desy_scores *scores, enum desy_unit *kind, bool *grouped)
{
    struct desy_units units = {0};
    int64_t rows = 0;
    for (size_t i = 0; i < scores->n; i++) rows += !isnan(scores->score[i]) && *desy_scores_row(scores, i).group;
    desy_sum_i64(world, &rows, 1);
    int rc = desy_units_open(world, scores, DESY_UNIT_SOURCES, &units);
    if (rc != DESY_OK) return rc;
    *grouped = rows > 0;
    *kind = units.n_real >= 2 && units.n_strata - units.n_real >= 2 ? DESY_UNIT_SOURCES : *grouped ? DESY_UNIT_GROUPS : DESY_UNIT_CLIPS;
    desy_units_close(&units);
    return DESY_OK;
}

bool desy_uncertainty_describe(cJSON *object, const struct desy_units *units)
{
    static const char *const names[] = {"clips within sources", "groups", "generators and real sources"}, *const counts[] = {"clips", "groups", "groups_within_sources"};
    if (!cJSON_AddStringToObject(object, "unit", names[units->kind])) return false;
    if (units->kind == DESY_UNIT_SOURCES
        && (!cJSON_AddNumberToObject(object, "generators", (double)(units->n_strata - units->n_real)) || !cJSON_AddNumberToObject(object, "real_sources", (double)units->n_real)))
        return false;
    return cJSON_AddNumberToObject(object, counts[units->kind], (double)units->n) != NULL;
}

/* Rank 0. One scheme's intervals; *alike: of the AUC there is none, for all resamples have the same. */
static int add_intervals(cJSON *json, const char *key, const struct desy_scheme *scheme, bool *alike)
{
    static const struct { const char *name, *percentile; desy_resampled_figure *figure; } figures[] = {
        {"roc_auc", "roc_auc_percentile", desy_resampled_auc},
        {"tpr", "tpr_percentile", desy_resampled_tpr},
        {"fpr", "fpr_percentile", desy_resampled_fpr},
        {"accuracy", "accuracy_percentile", desy_resampled_accuracy},
    };
    cJSON *object = cJSON_AddObjectToObject(json, key);
    if (!object || !desy_uncertainty_describe(object, &scheme->units)) return desy_error_memory("intervals");
    for (size_t f = 0; f < sizeof figures / sizeof *figures; f++) {
        struct desy_scheme_interval interval;
        const int rc = desy_scheme_interval(scheme, figures[f].figure, &interval);
        if (rc != DESY_OK) return rc;
        if (f == 0) *alike = !interval.varies;
        if (interval.varies && (!desy_figure_interval(object, figures[f].name, interval.bca) || !desy_figure_interval(object, figures[f].percentile, interval.percentile)))
            return desy_error_memory("intervals");
    }
    return DESY_OK;
}

static int note_scheme(cJSON *json, const struct desy_units *units, bool alike)
{
    char text[256];
    const size_t generators = units->n_strata - units->n_real;
    bool ok = true;
    if (alike) ok = note(json, "No resample changes the AUC: drawing the same clips again says nothing of others, and headline_ci has no interval of it. Read roc_auc_ci.");
    if (units->kind == DESY_UNIT_SOURCES && (generators < FEW_SOURCES || units->n_real < FEW_SOURCES)) {
        snprintf(text, sizeof text, "headline_ci stands on %zu generators and %zu real sources: with fewer than %d of either it is wide, and still covers less than 95 %% of what new ones would show.",
                 generators, units->n_real, FEW_SOURCES);
        ok = ok && note(json, text);
    }
    return ok ? DESY_OK : desy_error_memory("notes");
}

/* One scheme: drawn on all ranks, told of on rank 0. */
static int add_scheme(desy_world *world, const struct desy_scores *scores, const struct desy_report_options *options, enum desy_unit kind, const char *key, cJSON *json)
{
    struct desy_scheme scheme;
    bool alike = false;
    int rc = desy_scheme_open(world, scores, options->threshold, NULL, kind, options->seed, options->resamples, &scheme);
    if (rc != DESY_OK) return rc;
    if (json) rc = add_intervals(json, key, &scheme, &alike);
    if (json && rc == DESY_OK && key[0] == 'h') rc = note_scheme(json, &scheme.units, alike);
    desy_scheme_close(&scheme);
    return desy_agree(world, rc);
}

/* The clustered form of DeLong's interval. */
static int add_clustered(desy_world *world, const struct desy_scores *scores, cJSON *json)
{
    struct desy_scheme scheme;
    char unit[96];
    int rc = desy_scheme_open(world, scores, 0, NULL, DESY_UNIT_GROUPS, 0, 0, &scheme);
    if (rc != DESY_OK) return rc;
    const double auc = desy_placements_auc(&scheme.placements[0]), variance = desy_placements_variance(&scheme.placements[0], NULL), reach = DESY_NORMAL_QUANTILE * sqrt(fmax(0, variance));
    snprintf(unit, sizeof unit, "%zu groups (DeLong, clustered by Obuchowski, 95 %%)", scheme.units.n);
    if (json && variance > 0
        && (!desy_figure_interval(json, "roc_auc_ci_clustered", (double[]){fmax(0, auc - reach), fmin(1, auc + reach)}) || !cJSON_AddStringToObject(json, "roc_auc_ci_clustered_unit", unit)))
        rc = desy_error_memory("intervals");
    desy_scheme_close(&scheme);
    return desy_agree(world, rc);
}

static int add_bootstrap(desy_world *world, const struct desy_scores *scores, const struct desy_report_options *options, enum desy_unit kind, cJSON *json)
{
    cJSON *object = cJSON_AddObjectToObject(json, "bootstrap");
    int rc = !json || (object && cJSON_AddNumberToObject(object, "resamples", (double)options->resamples) && cJSON_AddNumberToObject(object, "seed", (double)options->seed)
                       && cJSON_AddStringToObject(object, "method", "BCa, 95 %; beside it the percentile interval"))
                 ? DESY_OK
                 : desy_error_memory("intervals");
    DESY_TRY(desy_agree(world, rc));
    DESY_TRY(add_scheme(world, scores, options, kind, "headline_ci", json));
    if (kind != DESY_UNIT_CLIPS) DESY_TRY(add_scheme(world, scores, options, DESY_UNIT_CLIPS, "clip_ci", json));
out:
    return rc;
}

int desy_uncertainty_add(desy_world *world, const struct desy_scores *scores, const struct desy_metrics *metrics, const struct desy_report_options *options, cJSON *json)
{
    enum desy_unit kind;
    bool grouped;
    int rc = !json || add_rates(json, &metrics->point) ? DESY_OK : desy_error_memory("intervals");
    DESY_TRY(desy_agree(world, rc));
    if (!metrics->both) return DESY_OK;
    if (metrics->n > DESY_BOOTSTRAP_MOST) {
        if (json && options->resamples > 0 && !note(json, "More than 2 million clips: there is no bootstrap, and no interval over groups or sources.")) rc = desy_error_memory("notes");
        return desy_agree(world, rc);
    }
    DESY_TRY(desy_uncertainty_unit(world, scores, &kind, &grouped));
    if (grouped) DESY_TRY(add_clustered(world, scores, json));
    if (options->resamples > 0) DESY_TRY(add_bootstrap(world, scores, options, kind, json));
out:
    return rc;
}
