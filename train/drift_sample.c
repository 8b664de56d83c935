#include "train/drift_sample.h"

#include "base/error.h"
#include "base/random.h"
#include "train/summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUANTILES 500
#define ROWS 256 /* that a two-sample test of all columns at once gets */
#define STREAM ((uint64_t)0x44720000) /* of random numbers */

struct drawn {
    uint64_t key;
    size_t row; /* the item's first */
};

static int by_key(const void *a, const void *b)
{
    const struct drawn *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : (x->row > y->row) - (x->row < y->row);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* New; of values[n], which are sorted, those that are numbers. */
static cJSON *quantiles_of(double *values, size_t n)
{
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "quantiles");
    size_t there = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(values[i])) values[there++] = values[i];
    qsort(values, there, sizeof *values, ascending);
    cJSON_AddNumberToObject(json, "n", (double)there);
    const size_t kept = there < QUANTILES ? there : QUANTILES;
    for (size_t k = 0; k < kept; k++) {
        const size_t i = kept == there ? k : (size_t)llrint((double)k * (double)(there - 1) / (double)(kept - 1));
        cJSON_AddItemToArray(list, cJSON_CreateNumber(rint(values[i] * 1e4) / 1e4));
    }
    return json;
}

static int describe_scores(const struct desy_fitting *f, const double *kept, const double *fused, cJSON *json)
{
    const struct desy_ensemble *ensemble = &f->ensemble;
    double *values = malloc((f->measured.chosen + 1) * sizeof *values), level_logit;
    size_t n = 0;
    if (!values) return desy_error_memory("quantiles");
    for (size_t i = 0; i < f->set->total; i++)
        if (f->item_weights[i] > 0) values[n++] = fused[i];
    cJSON_AddItemToObject(json, "logit", quantiles_of(values, n));
    for (int level = 0; level < DESY_LEVELS; level++) {
        if (ensemble->slope[level] == 0 && ensemble->weight[level] == 0) continue;
        for (size_t i = 0; i < n; i++)
            values[i] = desy_ensemble_level(ensemble, (enum desy_level)level, kept + i * (size_t)ensemble->n, &level_logit) ? ensemble->slope[level] * level_logit + ensemble->intercept[level] : NAN;
        cJSON_AddItemToObject(json, desy_level_name((enum desy_level)level), quantiles_of(values, n));
    }
    free(values);
    return DESY_OK;
}

/* Items in an order that says nothing of them, the same on every rank; *n: at most QUANTILES. */
static int draw_items(const struct desy_fitting *f, struct drawn **drawn, size_t *n)
{
    *drawn = malloc((f->measured.chosen + 1) * sizeof **drawn);
    if (!*drawn) return desy_error_memory("a sample of the training items");
    for (size_t i = *n = 0; i < f->set->total; i++)
        if (f->item_weights[i] > 0) (*drawn)[(*n)++] = (struct drawn){desy_random_u64(f->options->seed, STREAM, f->set->items[i].id), i};
    qsort(*drawn, *n, sizeof **drawn, by_key);
    if (*n > QUANTILES) *n = QUANTILES;
    return DESY_OK;
}

/* The summary of one row of this rank. */
static void summarise_row(const struct desy_fitting *f, const struct desy_evidence *evidence, size_t row, double *columns)
{
    struct desy_score score = {.windows = 1};
    const float *vector = f->fit.vectors + (row - f->set->first) * f->fit.stride;
    for (int c = 0; c < f->ensemble.n; c++) {
        score.present[c] = desy_fitting_has(f, f->ensemble.heads[c].channel, row);
        score.distances[c] = desy_evidence_distance(&f->ensemble.heads[c], vector);
    }
    desy_evidence_add(evidence, &f->ensemble, vector, score.group_logits, score.group_values);
    desy_summary_take(evidence, &f->ensemble, &score, columns);
}

/* Windows of drawn items that this rank has: their number among the drawn, then the columns; *mine NULL: only counted. */
static size_t take_rows(const struct desy_fitting *f, const struct desy_evidence *evidence, const struct drawn *drawn, size_t n, size_t columns, double *mine)
{
    const struct desy_training_set *set = f->set;
    size_t taken = 0;
    for (size_t k = 0; k < n; k++)
        for (size_t i = drawn[k].row; i < set->total && set->items[i].id == set->items[drawn[k].row].id; i++) {
            if (set->augmented[i] || i < set->first || i >= set->first + set->count) continue;
            if (mine) {
                mine[taken * (columns + 1)] = (double)k;
                summarise_row(f, evidence, i, mine + taken * (columns + 1) + 1);
            }
            taken++;
        }
    return taken;
}

/* The mean of each column over an item's windows: summaries (n, columns), new, on every rank. Windows come in the order of their rows whichever ranks have them. Collective. */
static int summarise_items(const struct desy_fitting *f, const struct desy_evidence *evidence, const struct drawn *drawn, size_t n, size_t columns, double **summaries)
{
    const size_t count = take_rows(f, evidence, drawn, n, columns, NULL);
    double *mine = malloc((count * (columns + 1) + 1) * sizeof *mine), *all = NULL, *windows = calloc(n * columns + 1, sizeof *windows);
    size_t total = 0;
    *summaries = calloc(n * columns + 1, sizeof **summaries);
    int rc = desy_agree(f->set->world, mine && windows && *summaries ? DESY_OK : desy_error_memory("a sample of the training items"));
    if (rc != DESY_OK) goto out;
    take_rows(f, evidence, drawn, n, columns, mine);
    DESY_TRY(desy_gatherall(f->set->world, mine, count, (columns + 1) * sizeof *mine, (void **)&all, &total));
    for (size_t i = 0; i < total; i++) {
        const double *row = all + i * (columns + 1);
        for (size_t k = 0, at = (size_t)row[0] * columns; k < columns; k++, at++) {
            if (isnan(row[1 + k])) continue;
            (*summaries)[at] += row[1 + k];
            windows[at]++;
        }
    }
    for (size_t at = 0; at < n * columns; at++) (*summaries)[at] = windows[at] > 0 ? (*summaries)[at] / windows[at] : NAN;
out:
    free(mine);
    free(all);
    free(windows);
    return rc;
}

/* summaries (n, columns). */
static int describe_features(const struct desy_fitting *f, const struct desy_evidence *evidence, const double *summaries, size_t n, size_t columns, cJSON *json)
{
    char name[DESY_SUMMARY_NAME];
    double *column = malloc((n + 1) * sizeof *column);
    if (!column) return desy_error_memory("quantiles");
    for (size_t k = 0; k < columns; k++) {
        for (size_t i = 0; i < n; i++) column[i] = summaries[i * columns + k];
        cJSON *of_column = quantiles_of(column, n);
        desy_summary_name(name, evidence, &f->ensemble, (int)k);
        cJSON_AddStringToObject(of_column, "name", name);
        cJSON_AddItemToArray(json, of_column);
    }
    free(column);
    return DESY_OK;
}

int desy_drift_sample(const struct desy_fitting *f, const double *kept, const double *fused, struct desy_drift_sample *sample)
{
    char over[160];
    struct desy_evidence evidence;
    struct drawn *drawn = NULL;
    double *summaries = NULL;
    size_t n = 0;
    *sample = (struct desy_drift_sample){.json = cJSON_CreateObject()};
    int rc = desy_evidence_open(&evidence, &f->ensemble);
    sample->columns = (size_t)desy_summary_columns(&evidence, &f->ensemble);
    if (rc == DESY_OK) rc = draw_items(f, &drawn, &n);
    DESY_TRY(desy_agree(f->set->world, rc));
    snprintf(over, sizeof over, "scores: the %zu training clips, each by heads that had not seen its %s; features: %zu of them", f->measured.chosen, f->set->by_source ? "source" : "group", n);
    cJSON_AddStringToObject(sample->json, "over", over);
    cJSON_AddNumberToObject(sample->json, "n", (double)f->measured.chosen);
    rc = describe_scores(f, kept, fused, cJSON_AddObjectToObject(sample->json, "scores"));
    DESY_TRY(desy_agree(f->set->world, rc));
    DESY_TRY(summarise_items(f, &evidence, drawn, n, sample->columns, &summaries));
    rc = describe_features(f, &evidence, summaries, n, sample->columns, cJSON_AddArrayToObject(sample->json, "features"));
    sample->n = n < ROWS ? n : ROWS;
    sample->rows = malloc((sample->n * sample->columns + 1) * sizeof *sample->rows);
    if (rc == DESY_OK && !sample->rows) rc = desy_error_memory("a sample of the training items");
    for (size_t i = 0; rc == DESY_OK && i < sample->n * sample->columns; i++) sample->rows[i] = (float)summaries[i];
    rc = desy_agree(f->set->world, rc);
out:
    desy_evidence_close(&evidence);
    free(drawn);
    free(summaries);
    return rc;
}

void desy_drift_sample_close(struct desy_drift_sample *sample)
{
    cJSON_Delete(sample->json);
    free(sample->rows);
    *sample = (struct desy_drift_sample){0};
}
