#include "train/fit.h"

#include "base/error.h"
#include "mpi/fixed_sum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PARAMETERS (DESY_LOGISTIC_MOST + 1)
#define TRIANGLE (PARAMETERS * (PARAMETERS + 1) / 2)

/* Loss, gradient and lower triangle of the Hessian, in one vector of sums. */
struct sums {
    double loss, gradient[PARAMETERS], hessian[TRIANGLE];
};

struct problem {
    const struct desy_fit *fit;
    const double *x;
    int k, parameters;
    double C;
    int exponent;
};

double desy_log_loss(double logit, int label)
{
    const double t = label ? -logit : logit;
    return t > 0 ? t + log1p(exp(-t)) : log1p(exp(t));
}

static void item_terms(const struct problem *p, const double *theta, size_t i, double *terms)
{
    const double *x = p->x + i * (size_t)p->k, weight = p->fit->weights[p->fit->first + i];
    const double sign = p->fit->labels[p->fit->first + i] ? 1 : -1;
    double t = theta[p->k];
    for (int a = 0; a < p->k; a++) t += theta[a] * x[a];
    double miss = 1 / (1 + exp(sign * t)); /* the probability given to the other class */
    double *gradient = terms + 1, *hessian = gradient + p->parameters;
    terms[0] = weight * desy_log_loss(t, p->fit->labels[p->fit->first + i]);
    for (int a = 0; a < p->parameters; a++) {
        double xa = a < p->k ? x[a] : 1;
        gradient[a] = -sign * weight * miss * xa;
        for (int b = 0; b <= a; b++) *hessian++ = weight * miss * (1 - miss) * xa * (b < p->k ? x[b] : 1);
    }
}

/* The loss has no bound known beforehand: it gets its own sum, and so does the rest. */
static int evaluate(const struct problem *p, const double *theta, struct sums *s)
{
    const struct desy_fit *fit = p->fit;
    const size_t rest = (size_t)p->parameters + (size_t)p->parameters * ((size_t)p->parameters + 1) / 2;
    int64_t fixed[PARAMETERS + TRIANGLE] = {0};
    double terms[1 + PARAMETERS + TRIANGLE], result[PARAMETERS + TRIANGLE], *losses = malloc((fit->count + 1) * sizeof *losses);
    size_t n = 0;
    int rc = losses ? DESY_OK : desy_error_memory("a fit");
    for (size_t i = 0; rc == DESY_OK && i < fit->count; i++) {
        if (!(fit->weights[fit->first + i] > 0)) continue;
        item_terms(p, theta, i, terms);
        losses[n++] = terms[0];
        rc = desy_fixed_add(fixed, terms + 1, rest, p->exponent);
    }
    DESY_TRY(desy_agree(fit->world, rc));
    DESY_TRY(desy_fixed_sum(fit->world, losses, n, 1, fit->chosen, &s->loss));
    desy_fixed_finish(fit->world, fixed, result, rest, p->exponent);
    memcpy(s->gradient, result, (size_t)p->parameters * sizeof *result);
    memcpy(s->hessian, result + p->parameters, (rest - (size_t)p->parameters) * sizeof *result);
    /* |theta|^2 / 2 without the intercept, and C times the rest. */
    s->loss *= p->C;
    for (int a = 0, h = 0; a < p->parameters; a++) {
        s->gradient[a] = p->C * s->gradient[a] + (a < p->k ? theta[a] : 0);
        if (a < p->k) s->loss += theta[a] * theta[a] / 2;
        for (int b = 0; b <= a; b++, h++) s->hessian[h] = p->C * s->hessian[h] + (a == b && a < p->k ? 1 : 0);
    }
out:
    free(losses);
    return rc;
}

/* step = hessian^-1 gradient by Cholesky; the triangle is overwritten. */
static int solve(double *hessian, const double *gradient, int n, double *step)
{
#define L(a, b) hessian[(a) * ((a) + 1) / 2 + (b)]
    for (int a = 0; a < n; a++)
        for (int b = 0; b <= a; b++) {
            double sum = L(a, b);
            for (int c = 0; c < b; c++) sum -= L(a, c) * L(b, c);
            if (a != b) L(a, b) = sum / L(b, b);
            else if (sum > 0) L(a, a) = sqrt(sum);
            else return desy_error(DESY_EDATA, "a logistic regression has no solution: its Hessian is not positive definite");
        }
    for (int a = 0; a < n; a++) {
        step[a] = gradient[a];
        for (int c = 0; c < a; c++) step[a] -= L(a, c) * step[c];
        step[a] /= L(a, a);
    }
    for (int a = n - 1; a >= 0; a--) {
        for (int c = a + 1; c < n; c++) step[a] -= L(c, a) * step[c];
        step[a] /= L(a, a);
    }
#undef L
    return DESY_OK;
}

static double largest(const double *values, int n)
{
    double most = 0;
    for (int i = 0; i < n; i++) most = fmax(most, fabs(values[i]));
    return most;
}

/* No addend of gradient or Hessian exceeds weight * max(1, |x|)^2. */
static int choose_exponent(struct problem *p)
{
    double bounds[2] = {0, 1};
    const struct desy_fit *fit = p->fit;
    for (size_t i = 0; i < fit->count; i++) {
        if (!(fit->weights[fit->first + i] > 0)) continue;
        bounds[0] = fmax(bounds[0], fit->weights[fit->first + i]);
        bounds[1] = fmax(bounds[1], largest(p->x + i * (size_t)p->k, p->k));
    }
    desy_max_f64(fit->world, bounds, 2);
    p->exponent = desy_fixed_exponent(bounds[0] * bounds[1] * bounds[1], fit->chosen);
    return isfinite(bounds[1]) ? DESY_OK : desy_error(DESY_EDATA, "a logistic regression met a number that is not finite");
}

int desy_fit_logistic(const struct desy_fit *fit, const double *x, int k, double C, double *theta)
{
    struct problem p = {.fit = fit, .x = x, .k = k, .parameters = k + 1, .C = C};
    struct sums now, next;
    double step[PARAMETERS], trial[PARAMETERS], weights = 0;
    int rc;
    if (k < 1 || k > DESY_LOGISTIC_MOST) return desy_error(DESY_EUSAGE, "a logistic regression of %d inputs", k);
    for (size_t i = 0; i < fit->total; i++) weights += fit->weights[i];
    memset(theta, 0, (size_t)p.parameters * sizeof *theta);
    DESY_TRY(choose_exponent(&p));
    DESY_TRY(evaluate(&p, theta, &now));
    /* Converges in about ten steps; where rounding lets the loss fall no further, that is the solution. */
    for (int iteration = 0; iteration < 100 && largest(now.gradient, p.parameters) > 1e-8 * C * weights; iteration++) {
        DESY_TRY(solve(now.hessian, now.gradient, p.parameters, step));
        double length = 1;
        for (int halving = 0; halving < 30; halving++, length /= 2) {
            for (int a = 0; a < p.parameters; a++) trial[a] = theta[a] - length * step[a];
            DESY_TRY(evaluate(&p, trial, &next));
            if (next.loss <= now.loss) break;
        }
        if (!(next.loss <= now.loss)) break;
        memcpy(theta, trial, (size_t)p.parameters * sizeof *theta);
        now = next;
    }
out:
    return rc;
}
