#include "eval/calibration_json.h"

#include "eval/figures.h"
#include "eval/interval.h"

#include <math.h>

static bool number(cJSON *object, const char *key, double value) { return !isfinite(value) || cJSON_AddNumberToObject(object, key, value); }

static bool interval(cJSON *object, const char *key, double middle, double error)
{
    const double ends[2] = {middle - DESY_NORMAL_QUANTILE * error, middle + DESY_NORMAL_QUANTILE * error};
    return !isfinite(error) || desy_figure_interval(object, key, ends);
}

static bool add_bins(cJSON *json, const char *key, const struct desy_bins *bins)
{
    cJSON *object = cJSON_AddObjectToObject(json, key);
    if (!object || !number(object, "ece", bins->ece) || !number(object, "ece_of_perfect_calibration", bins->expected) || !number(object, "ece_of_perfect_calibration_95", bins->expected_95)
        || !number(object, "largest_error", bins->largest))
        return false;
    cJSON *list = cJSON_AddArrayToObject(object, "bins");
    for (int b = 0; list && b < DESY_BINS; b++) {
        cJSON *bin = cJSON_CreateObject();
        if (!cJSON_AddItemToArray(list, bin) || !number(bin, "from", bins->edges[b]) || !number(bin, "to", bins->edges[b + 1]) || !number(bin, "n", bins->weight[b])) return false;
        if (bins->weight[b] > 0 && (!number(bin, "mean_score", bins->mean[b]) || !number(bin, "share_ai", bins->ai[b] / bins->weight[b]))) return false;
    }
    return list != NULL;
}

static bool add_brier(cJSON *json, const struct desy_brier *brier)
{
    cJSON *object = cJSON_AddObjectToObject(json, "brier");
    return object && number(object, "score", brier->score) && number(object, "reliability", brier->reliability) && number(object, "resolution", brier->resolution)
           && number(object, "uncertainty", brier->uncertainty) && number(object, "within_bin_variance", brier->within_variance)
           && number(object, "within_bin_covariance", brier->within_covariance);
}

/* What is shown of the scores as they are, and after each method. */
static bool add_state(cJSON *object, double brier, double ece, double log_loss, const struct desy_logistic *cox)
{
    return object && number(object, "brier", brier) && number(object, "ece", ece) && number(object, "log_loss", log_loss)
           && (!cox->exists || (number(object, "slope", cox->slope) && number(object, "intercept", cox->intercept)));
}

static bool add_recalibrated(cJSON *json, const struct desy_calibration *calibration, const struct desy_recalibration *recalibration)
{
    bool any = false;
    for (int m = 0; m < DESY_RECALIBRATIONS; m++) any |= recalibration->methods[m].done;
    if (!any) return true;
    static const char *const names[DESY_RECALIBRATIONS] = {"temperature", "platt", "isotonic"};
    cJSON *object = cJSON_AddObjectToObject(json, "recalibrated");
    if (!object || !cJSON_AddStringToObject(object, "fitted_on", recalibration->on_validation ? "validation" : "the evaluated clips, cross-fitted: five folds by group")
        || !add_state(cJSON_AddObjectToObject(object, "before"), calibration->brier.score, calibration->equal_width.ece, calibration->log_loss, &calibration->cox))
        return false;
    for (int m = 0; m < DESY_RECALIBRATIONS; m++) {
        const struct desy_recalibrated *method = &recalibration->methods[m];
        if (!method->done) continue;
        cJSON *entry = cJSON_AddObjectToObject(object, names[m]);
        if (!add_state(entry, method->brier, method->ece, method->log_loss, &method->cox)) return false;
        if (!recalibration->on_validation) continue; /* each fold has a curve of its own */
        if (m == DESY_TEMPERATURE && !number(entry, "temperature", 1 / method->slope)) return false;
        if (m == DESY_PLATT && (!number(entry, "fitted_slope", method->slope) || !number(entry, "fitted_intercept", method->intercept))) return false;
        if (m == DESY_ISOTONIC && !number(entry, "steps", (double)method->steps)) return false;
    }
    return true;
}

bool desy_calibration_json(cJSON *json, const struct desy_calibration *calibration, const struct desy_recalibration *recalibration)
{
    cJSON *object = cJSON_AddObjectToObject(json, "calibration");
    const struct desy_logistic *cox = &calibration->cox;
    return object && add_brier(object, &calibration->brier) && number(object, "log_loss", calibration->log_loss)
           && (!cox->exists
               || (number(object, "slope", cox->slope) && interval(object, "slope_ci", cox->slope, cox->slope_error) && number(object, "intercept", cox->intercept)
                   && interval(object, "intercept_ci", cox->intercept, cox->intercept_error) && cJSON_AddStringToObject(object, "ci_unit", "clip (Wald, 95 %, independence assumed)")))
           && add_bins(object, "equal_width", &calibration->equal_width) && add_bins(object, "equal_mass", &calibration->equal_mass)
           && add_recalibrated(object, calibration, recalibration);
}
