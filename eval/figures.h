/* Figures with intervals as members of a JSON object. Each returns whether it could: false is no memory. */
#ifndef DESY_EVAL_FIGURES_H
#define DESY_EVAL_FIGURES_H

#include "eval/cells.h"

#include <cjson/cJSON.h>

bool desy_figure(cJSON *object, const char *key, double value);
bool desy_figure_integer(cJSON *object, const char *key, int64_t value);
bool desy_figure_text(cJSON *object, const char *key, const char *value);
/* KEY: [low, high]. */
bool desy_figure_interval(cJSON *object, const char *key, const double interval[2]);
/* KEY, KEY_ci (Clopper & Pearson): k of n; nothing where n is 0. */
bool desy_figure_rate(cJSON *object, const char *key, int64_t k, int64_t n);
/* n_pos, n_neg, roc_auc, roc_auc_ci, roc_auc_ci_method. */
bool desy_figure_auc(cJSON *object, const struct desy_auc *auc);
/* A new object at the end of an array; NULL: no memory. */
cJSON *desy_figure_entry(cJSON *array);

#endif
