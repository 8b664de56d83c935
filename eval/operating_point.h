/* What a detector does at one threshold: counts over all ranks, and the rates that follow from them. */
#ifndef DESY_EVAL_OPERATING_POINT_H
#define DESY_EVAL_OPERATING_POINT_H

#include "eval/ranking.h"

#include <cjson/cJSON.h>

/* A clip is called AI if its score is >= threshold; INFINITY: none is. */
struct desy_operating_point {
    double threshold;
    int64_t tp, fp, tn, fn;
};

/* Collective; agreed. Counts the clips of `ranking` at each of the n thresholds. DESY_EENV: memory. */
int desy_operating_points_count(desy_world *world, const desy_ranking *ranking, struct desy_operating_point *points, size_t n);

/* Each as scikit-learn defines it; a ratio with nothing below the line is 0, as there (zero_division=0). */
double desy_accuracy(const struct desy_operating_point *point);
double desy_precision(const struct desy_operating_point *point);
double desy_recall(const struct desy_operating_point *point); /* the true positive rate, too */
double desy_f1(const struct desy_operating_point *point);
double desy_false_positive_rate(const struct desy_operating_point *point);
double desy_true_negative_rate(const struct desy_operating_point *point);
double desy_negative_predictive_value(const struct desy_operating_point *point); /* of the clips called real: the share that is */
double desy_balanced_accuracy(const struct desy_operating_point *point);          /* the mean of both classes' recall */
double desy_matthews_correlation(const struct desy_operating_point *point);      /* Matthews (1975) */

/* Rates and counts as members of `json`, those alone that the classes present define. False: memory. */
bool desy_operating_point_json(cJSON *json, const struct desy_operating_point *point);

#endif
