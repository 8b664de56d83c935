/* Logistic regression of the label on the logit of the forecast: Cox's test of calibration (Biometrika 1958), Platt's scaling and temperature alike. */
#ifndef DESY_EVAL_LOGISTIC_H
#define DESY_EVAL_LOGISTIC_H

#include "eval/forecast.h"

struct desy_logistic {
    bool exists;                           /* else the rest is not set: the classes do not overlap, or all logits are equal */
    double slope, intercept;
    double slope_error, intercept_error;   /* standard errors from the information matrix; with weights of 1 alone they mean something */
};

/* Minimises the weighted sum of -t ln s(a x + b) - (1 - t) ln(1 - s(a x + b)), x the logit of the probability, t = targets[label] ({0, 1}: the label), by Newton's method with
 * halved steps; exact sums. free_intercept false: b = 0. exists false where the minimum lies at infinity.
 * Collective; agreed. DESY_EDATA: a probability is not a number. */
int desy_logistic_fit(desy_world *world, const struct desy_forecasts *forecasts, const double targets[2], bool free_intercept, struct desy_logistic *fit);

#endif
