#include "eval/prevalence_table.h"

#include "eval/interval.h"

#include <math.h>

static const double prevalences[] = {.001, .01, .1, .5};

/* Of 1,000 videos of which 1,000 x prevalence are AI-generated. */
struct at_prevalence {
    double flagged, errors;       /* called AI-generated; called wrongly (the cost curve of Drummond & Holte, Machine Learning 2006, with both errors costing the same) */
    double precision;             /* of those flagged: the share that is AI-generated; NaN: none is flagged */
    double precision_interval[2]; /* from the unfavourable corner of the 95 % Clopper-Pearson intervals of TPR and FPR to the favourable one: wider than need be */
};

/* Bayes' rule; NaN: nothing is flagged. */
static double precision(double prevalence, double tpr, double fpr) { return prevalence * tpr / (prevalence * tpr + (1 - prevalence) * fpr); }

static struct at_prevalence look(const struct desy_operating_point *point, double prevalence)
{
    const double tpr = desy_recall(point), fpr = desy_false_positive_rate(point), wrong = (1 - prevalence) * fpr;
    double tprs[2], fprs[2];
    desy_clopper_pearson(point->tp, point->tp + point->fn, tprs);
    desy_clopper_pearson(point->fp, point->fp + point->tn, fprs);
    return (struct at_prevalence){1000 * (prevalence * tpr + wrong), 1000 * (wrong + prevalence * (1 - tpr)), precision(prevalence, tpr, fpr),
                                       {precision(prevalence, tprs[0], fprs[1]), precision(prevalence, tprs[1], fprs[0])}};
}

static bool add_rows(cJSON *list, const char *rule, const char *from, const struct desy_operating_point *point)
{
    for (size_t i = 0; i < sizeof prevalences / sizeof *prevalences; i++) {
        const struct at_prevalence at = look(point, prevalences[i]);
        cJSON *row = cJSON_CreateObject();
        if (!cJSON_AddItemToArray(list, row) || !cJSON_AddStringToObject(row, "rule", rule) || !cJSON_AddStringToObject(row, "from", from)
            || !cJSON_AddNumberToObject(row, "threshold", point->threshold) || !cJSON_AddNumberToObject(row, "prevalence", prevalences[i])
            || !cJSON_AddNumberToObject(row, "flagged_of_1000", at.flagged))
            return false;
        const double interval[2] = {1000 * at.precision_interval[0], 1000 * at.precision_interval[1]};
        if (!isnan(at.precision)
            && (!cJSON_AddNumberToObject(row, "precision", at.precision) || !cJSON_AddNumberToObject(row, "ai_of_1000_flagged", 1000 * at.precision)
                || !cJSON_AddItemToObject(row, "ai_of_1000_flagged_ci", cJSON_CreateDoubleArray(interval, 2))))
            return false;
        if (!cJSON_AddNumberToObject(row, "errors_of_1000", at.errors)
            || !cJSON_AddNumberToObject(row, "errors_of_1000_calling_none", 1000 * prevalences[i])) /* what doing without a detector costs */
            return false;
    }
    return true;
}

bool desy_prevalence_table_json(cJSON *json, const struct desy_operating_point *point, const char *threshold_from, const struct desy_thresholds *thresholds)
{
    const struct desy_operating_point *points = thresholds->chosen ? thresholds->of_validation : thresholds->of_evaluated;
    if (point->tp + point->fn == 0 || point->fp + point->tn == 0) return true;
    cJSON *list = cJSON_AddArrayToObject(json, "prevalence_table");
    if (!list || !add_rows(list, "threshold", threshold_from, point)) return false;
    for (int rule = DESY_RULE_FPR_5; rule < DESY_RULES; rule++)
        if (isfinite(points[rule].threshold) && points[rule].fp + points[rule].tn >= desy_rule_real_clips((enum desy_threshold_rule)rule) && !add_rows(list, desy_rule_name(rule), thresholds->chosen ? "validation" : "oracle", &points[rule])) return false;
    return true;
}
