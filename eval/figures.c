#include "eval/figures.h"

#include "eval/interval.h"

#include <stdio.h>

bool desy_figure(cJSON *object, const char *key, double value) { return cJSON_AddNumberToObject(object, key, value) != NULL; }
bool desy_figure_integer(cJSON *object, const char *key, int64_t value) { return desy_figure(object, key, (double)value); }
bool desy_figure_text(cJSON *object, const char *key, const char *value) { return cJSON_AddStringToObject(object, key, value) != NULL; }

bool desy_figure_interval(cJSON *object, const char *key, const double interval[2])
{
    cJSON *pair = cJSON_CreateDoubleArray(interval, 2);
    if (pair && cJSON_AddItemToObject(object, key, pair)) return true;
    cJSON_Delete(pair);
    return false;
}

bool desy_figure_rate(cJSON *object, const char *key, int64_t k, int64_t n)
{
    char name[40];
    double interval[2];
    if (n == 0) return true;
    desy_clopper_pearson(k, n, interval);
    snprintf(name, sizeof name, "%s_ci", key);
    return desy_figure(object, key, (double)k / (double)n) && desy_figure_interval(object, name, interval);
}

bool desy_figure_auc(cJSON *object, const struct desy_auc *auc)
{
    return desy_figure_integer(object, "n_pos", auc->pos) && desy_figure_integer(object, "n_neg", auc->neg) && desy_figure(object, "roc_auc", auc->auc)
           && desy_figure_interval(object, "roc_auc_ci", auc->interval) && desy_figure_text(object, "roc_auc_ci_method", auc->method);
}

cJSON *desy_figure_entry(cJSON *array)
{
    cJSON *entry = cJSON_CreateObject();
    if (entry && cJSON_AddItemToArray(array, entry)) return entry;
    cJSON_Delete(entry);
    return NULL;
}
