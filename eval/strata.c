#include "eval/strata.h"

#include "base/error.h"
#include "eval/figures.h"
#include "eval/known.h"

#include <stdlib.h>

static bool add_values(cJSON *strata, const struct desy_attribute *attribute, const struct desy_cells *cells, const int64_t *called)
{
    cJSON *list = cJSON_AddArrayToObject(strata, attribute->name);
    for (size_t v = 0; list && v < attribute->n; v++) {
        struct desy_auc auc;
        const int64_t pos = cells->n[1][v], neg = cells->n[0][v];
        if (pos + neg == 0) continue;
        cJSON *entry = desy_figure_entry(list);
        if (!entry || !desy_figure_text(entry, "value", attribute->values[v])) return false;
        const bool areas = desy_cells_auc(cells, v, v, &auc) ? desy_figure_auc(entry, &auc) : desy_figure_integer(entry, "n_pos", pos) && desy_figure_integer(entry, "n_neg", neg);
        if (!areas || !desy_figure_rate(entry, "tpr", called[2 * v + 1], pos) || !desy_figure_rate(entry, "fpr", called[2 * v], neg)) return false;
    }
    return list != NULL;
}

static int add_attribute(desy_world *world, const struct desy_evaluated *evaluated, double threshold, const struct desy_attribute *attribute, cJSON *strata)
{
    struct desy_cells cells = {0};
    struct desy_ranked *clips = malloc((evaluated->n + 1) * sizeof *clips);
    int64_t *called = calloc(2 * attribute->n + 2, sizeof *called);
    int rc = desy_agree(world, clips && called ? DESY_OK : desy_error_memory("strata"));
    DESY_TRY(rc);
    for (size_t i = 0; i < evaluated->n; i++) {
        clips[i] = evaluated->clips[i];
        clips[i].source = attribute->of[evaluated->rows[i]];
        called[2 * clips[i].source + clips[i].label] += clips[i].score >= threshold;
    }
    desy_sum_i64(world, called, 2 * attribute->n + 2);
    DESY_TRY(desy_cells_open(world, clips, evaluated->n, &(struct desy_cells_options){attribute->n, {NULL, NULL}, {attribute->n, attribute->n}}, &cells));
    if (strata && !add_values(strata, attribute, &cells, called)) rc = desy_error_memory("strata");
    rc = desy_agree(world, rc);
out:
    desy_cells_close(&cells);
    free(clips);
    free(called);
    return rc;
}

int desy_strata_add(desy_world *world, const struct desy_evaluated *evaluated, const struct desy_report_options *options, cJSON *json)
{
    cJSON *strata = NULL;
    int rc = DESY_OK;
    if (!options->known || !options->known->attributes[0].of) return DESY_OK;
    if (json && !(strata = cJSON_AddObjectToObject(json, "strata"))) rc = desy_error_memory("strata");
    rc = desy_agree(world, rc);
    for (int a = 0; rc == DESY_OK && a < DESY_ATTRIBUTES; a++) rc = add_attribute(world, evaluated, options->threshold, &options->known->attributes[a], strata);
    return rc;
}
