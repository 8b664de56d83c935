#include "eval/logistic.h"

#include "base/error.h"
#include "mpi/fixed_sum.h"

#include <math.h>
#include <stdlib.h>

enum { LOSS, G_INTERCEPT, G_SLOPE, H_INTERCEPT, H_BOTH, H_SLOPE, TERMS };

struct problem {
    desy_world *world;
    const struct desy_forecasts *forecasts;
    const double *logits, *targets; /* of this rank's forecasts; of the labels */
    double largest;                 /* of |logit| over all ranks */
};

/* Sums at one slope and intercept, over all ranks: the loss, its gradient and its Hessian. */
static int sum_terms(const struct problem *problem, double slope, double intercept, double sums[TERMS])
{
    const struct desy_forecasts *forecasts = problem->forecasts;
    const double largest = problem->largest, reach = largest * fabs(slope) + fabs(intercept) + 1., bounds[TERMS] = {reach, 1., largest, 1., largest, largest * largest};
    const int exponent = desy_fixed_exponent(forecasts->heaviest, forecasts->all);
    int64_t totals[TERMS] = {0};
    double units[TERMS]; /* powers of two that bring every term below the weight */
    int rc = DESY_OK;
    for (int t = 0; t < TERMS; t++) units[t] = ldexp(1, -ilogb(bounds[t]) - 1);
    for (size_t i = 0; i < forecasts->n && rc == DESY_OK; i++) {
        const struct desy_forecast forecast = forecasts->at(forecasts->context, i);
        if (forecast.weight == 0) continue;
        const double x = problem->logits[i], z = slope * x + intercept, target = problem->targets[forecast.label], w = forecast.weight;
        const double e = exp(-fabs(z)), p = (z >= 0 ? 1 : e) / (1 + e), residual = w * (p - target), curvature = w * e / ((1 + e) * (1 + e));
        const double loss = w * (fmax(z, 0) - target * z + log(1 + e));
        const double terms[TERMS] = {loss * units[LOSS], residual * units[G_INTERCEPT], residual * x * units[G_SLOPE], curvature * units[H_INTERCEPT], curvature * x * units[H_BOTH],
                                     curvature * x * x * units[H_SLOPE]};
        rc = desy_fixed_add(totals, terms, TERMS, exponent);
    }
    DESY_TRY(desy_agree(problem->world, rc));
    desy_fixed_finish(problem->world, totals, sums, TERMS, exponent);
    for (int t = 0; t < TERMS; t++) sums[t] /= units[t];
out:
    return rc;
}

/* Where the minimum is finite (Albert & Anderson, Biometrika 1984, in one dimension): each class reaches beyond the lowest of the other; with targets between 0 and 1 it is enough
 * that logits differ. Without an intercept: some logits are on the wrong side of 0, some on the right one. */
static bool minimum_exists(struct problem *problem, bool free_intercept)
{
    const struct desy_forecasts *forecasts = problem->forecasts;
    double most[6]; /* of x in real and AI clips, of -x in both; of x on the label's side of 0, and on the other */
    for (int i = 0; i < 6; i++) most[i] = -INFINITY;
    for (size_t i = 0; i < forecasts->n; i++) {
        const struct desy_forecast forecast = forecasts->at(forecasts->context, i);
        if (forecast.weight == 0) continue;
        const double x = problem->logits[i], side = forecast.label ? x : -x;
        most[forecast.label] = fmax(most[forecast.label], x);
        most[2 + forecast.label] = fmax(most[2 + forecast.label], -x);
        most[4] = fmax(most[4], side);
        most[5] = fmax(most[5], -side);
    }
    desy_max_f64(problem->world, most, 6);
    problem->largest = fmax(fmax(fmax(most[0], most[1]), fmax(most[2], most[3])), 1.);
    const bool smooth = problem->targets[0] > 0 && problem->targets[1] < 1;
    if (!free_intercept) return smooth ? fmax(most[4], most[5]) > 0 : most[4] > 0 && most[5] > 0;
    if (smooth) return fmax(most[0], most[1]) + fmax(most[2], most[3]) > 0;
    return most[0] + most[3] > 0 && most[1] + most[2] > 0;
}

/* What Newton's method would add to slope and intercept. */
static void newton_step(const double sums[TERMS], bool free_intercept, double step[2])
{
    const double a = sums[H_SLOPE], b = sums[H_BOTH], c = sums[H_INTERCEPT], determinant = a * c - b * b;
    step[0] = free_intercept ? -(c * sums[G_SLOPE] - b * sums[G_INTERCEPT]) / determinant : -sums[G_SLOPE] / a;
    step[1] = free_intercept ? -(a * sums[G_INTERCEPT] - b * sums[G_SLOPE]) / determinant : 0;
}

/* From slope 1, intercept 0. A step that does not lower the loss is halved; one so small that its square is nothing is the last. */
static int minimise(const struct problem *problem, bool free_intercept, struct desy_logistic *fit)
{
    double slope = 1, intercept = 0, sums[TERMS], step[2];
    int rc = DESY_OK;
    DESY_TRY(sum_terms(problem, slope, intercept, sums));
    bool found = false;
    for (int pass = 0; pass < 200; pass++) {
        newton_step(sums, free_intercept, step);
        if (!isfinite(step[0]) || !isfinite(step[1])) goto out; /* as good as separated: no minimum that doubles can find */
        if (fabs(step[0]) * problem->largest + fabs(step[1]) < 1e-8 * (1 + fabs(slope) + fabs(intercept))) {
            found = true;
            break;
        }
        const double before = sums[LOSS];
        for (double part = 1;; part /= 2) {
            DESY_TRY(sum_terms(problem, slope + part * step[0], intercept + part * step[1], sums));
            if (!(sums[LOSS] <= before * (1 + 1e-8)) && part > 1e-6) continue; /* 1e-8: the rounding of sums over very many clips */
            slope += part * step[0], intercept += part * step[1];
            break;
        }
    }
    const double determinant = free_intercept ? sums[H_SLOPE] * sums[H_INTERCEPT] - sums[H_BOTH] * sums[H_BOTH] : sums[H_SLOPE];
    *fit = (struct desy_logistic){found && determinant > 0, slope + step[0], intercept + step[1], sqrt(free_intercept ? sums[H_INTERCEPT] / determinant : 1 / determinant),
                                  free_intercept ? sqrt(sums[H_SLOPE] / determinant) : 0};
out:
    return rc;
}

int desy_logistic_fit(desy_world *world, const struct desy_forecasts *forecasts, const double targets[2], bool free_intercept, struct desy_logistic *fit)
{
    double *logits = malloc((forecasts->n + 1) * sizeof *logits);
    struct problem problem = {world, forecasts, logits, targets, 0};
    int rc = logits ? DESY_OK : desy_error_memory("logits");
    *fit = (struct desy_logistic){0};
    for (size_t i = 0; rc == DESY_OK && i < forecasts->n; i++) logits[i] = desy_logit(forecasts->at(forecasts->context, i).probability);
    DESY_TRY(desy_agree(world, rc));
    if (minimum_exists(&problem, free_intercept)) rc = minimise(&problem, free_intercept, fit);
out:
    free(logits);
    return rc;
}
