#include "eval/prevalence.h"

#include "base/error.h"
#include "mpi/fixed_sum.h"

#include <math.h>

#define HALF_CHI_SQUARE 1.920729410347062 /* of one degree of freedom, .95, halved */
#define END 36.                          /* logits of shares end here: beyond, they are 0 and 1 */

struct problem {
    desy_world *world;
    const struct desy_forecasts *forecasts;
    double prior;
};

/* At one logit of the share: the log likelihood of all clips; and, of the mean over clips, its first and second derivative by the logit. The first is the step of EM. */
struct state {
    double likelihood, step, curvature, clips;
};

static int look(const struct problem *problem, double logit, struct state *state)
{
    enum { CLIPS, AI, BOTH, LOG, TERMS };
    const struct desy_forecasts *forecasts = problem->forecasts;
    const double share = desy_probability(logit), rest = desy_probability(-logit), ai = share / problem->prior, real = rest / (1 - problem->prior);
    const double reach = fmax(fabs(log(fmin(ai, real))), fabs(log(fmax(ai, real)))) + 1;
    int64_t totals[TERMS] = {0};
    int exponents[TERMS], rc = DESY_OK;
    for (int t = 0; t < TERMS; t++) exponents[t] = desy_fixed_exponent(t == LOG ? reach : 1, forecasts->all);
    for (size_t i = 0; i < forecasts->n && rc == DESY_OK; i++) {
        const struct desy_forecast forecast = forecasts->at(forecasts->context, i);
        if (forecast.weight == 0) continue;
        const double mixture = ai * forecast.probability + real * (1 - forecast.probability), here = ai * forecast.probability / mixture;
        const double terms[TERMS] = {1, here, here * (1 - here), log(mixture)};
        for (int t = 0; t < TERMS && rc == DESY_OK; t++) rc = desy_fixed_add(&totals[t], &terms[t], 1, exponents[t]);
    }
    rc = desy_agree(problem->world, rc);
    if (rc != DESY_OK) return rc;
    desy_sum_i64(problem->world, totals, TERMS);
    double sums[TERMS];
    for (int t = 0; t < TERMS; t++) sums[t] = ldexp((double)totals[t], -exponents[t]);
    *state = (struct state){sums[LOG], sums[AI] / sums[CLIPS] - share, sums[BOTH] / sums[CLIPS] - share * rest, sums[CLIPS]};
    return DESY_OK;
}

/* Newton's method between two ends, that halves the interval where it would leave it. side 0: the maximum; -1, +1: below and above it, where the likelihood has fallen to `least`.
 * *logit: the start, and what was found; *found: what is there. */
static int solve(const struct problem *problem, int side, double least, double low, double high, double *logit, struct state *found)
{
    for (int pass = 0; pass < 200; pass++) {
        const int rc = look(problem, *logit, found);
        if (rc != DESY_OK) return rc;
        const double value = side ? found->likelihood - least : found->step, slope = side ? found->clips * found->step : found->curvature;
        if (value == 0) break;
        if ((value > 0) == (side >= 0)) low = *logit; /* the likelihood rises to the maximum, and stays above `least` until beyond it */
        else high = *logit;
        double next = *logit - value / slope;
        if (!(next > low && next < high)) next = low + (high - low) / 2;
        const bool done = fabs(next - *logit) < 1e-13 * (1 + fabs(next));
        *logit = next;
        if (done) break;
    }
    return DESY_OK;
}

static double share_of(double logit) { return logit < -END + 1e-6 ? 0 : logit > END - 1e-6 ? 1 : desy_probability(logit); }

int desy_prevalence_estimate(desy_world *world, const struct desy_forecasts *forecasts, double prior, struct desy_prevalence *estimate)
{
    const struct problem problem = {world, forecasts, prior};
    struct state top, state;
    double outside = 0, logit = 0;
    int rc = DESY_OK;
    for (size_t i = 0; i < forecasts->n; i++) {
        const struct desy_forecast forecast = forecasts->at(forecasts->context, i);
        if (forecast.weight != 0 && !(forecast.probability >= 0 && forecast.probability <= 1)) outside = 1;
    }
    desy_max_f64(world, &outside, 1);
    if (outside != 0) return desy_error(DESY_EDATA, "some scores lie outside [0, 1]: a share can be estimated from calibrated probabilities alone; a logit x becomes one as 1 / (1 + exp(-x))");
    DESY_TRY(solve(&problem, 0, 0, -END, END, &logit, &top));
    estimate->share = share_of(logit);
    for (int side = -1; side <= 1; side += 2) {
        const double guess = logit + side * sqrt(2 * HALF_CHI_SQUARE / (top.clips * fmax(-top.curvature, 1e-300)));
        double bound = guess > -END && guess < END ? guess : (logit + side * END) / 2;
        DESY_TRY(solve(&problem, side, top.likelihood - HALF_CHI_SQUARE, side < 0 ? -END : logit, side < 0 ? logit : END, &bound, &state));
        estimate->interval[side > 0] = share_of(bound);
    }
out:
    return rc;
}
