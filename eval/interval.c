#include "eval/interval.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

int desy_ascending(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double desy_normal_cdf(double z) { return .5 * erfc(-z * M_SQRT1_2); }

double desy_normal_quantile(double p)
{
    if (p <= 0 || p >= 1) return p <= 0 ? -INFINITY : INFINITY;
    double low = -40, high = 40; /* halving: the last bits come for nothing, and no table of constants is needed */
    for (int i = 0; i < 100; i++) {
        const double middle = (low + high) / 2;
        /* The smaller tail has its digits. */
        const bool below = p < .5 ? desy_normal_cdf(middle) < p : desy_normal_cdf(-middle) > 1 - p;
        if (below) low = middle;
        else high = middle;
    }
    return (low + high) / 2;
}

/* The continued fraction by Lentz's method, for x < (a + 1) / (a + b + 2), where it converges fast. */
static double beta_fraction(double x, double a, double b)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double value = d;
    for (int m = 1; m < 100000; m++) {
        const double terms[2] = {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))};
        double step = 1;
        for (int i = 0; i < 2; i++) {
            d = 1 + terms[i] * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + terms[i] / c;
            if (fabs(c) < tiny) c = tiny;
            step = c * d;
            value *= step;
        }
        if (fabs(step - 1) < 1e-16) break;
    }
    return value;
}

/* log of the gamma function's ratio, by Stirling's series where lgamma's terms would cancel: log(x^a (1-x)^b / (a B(a, b))). */
static double stirling(double z) { return 1 / (12 * z) - 1 / (360 * z * z * z) + 1 / (1260 * pow(z, 5)) - 1 / (1680 * pow(z, 7)); }

static double log_front(double x, double a, double b)
{
    if (a < 10 || b < 10) {
        double log_beta;
        if (a < 10 && b < 10) log_beta = lgamma(a) + lgamma(b) - lgamma(a + b);
        else { /* one is large: its gamma over that of the sum, by Stirling */
            const double s = a < b ? a : b, l = a < b ? b : a;
            log_beta = lgamma(s) - (l - .5) * log1p(s / l) - s * log(l + s) + s + stirling(l) - stirling(l + s);
        }
        return a * log(x) + b * log1p(-x) - log_beta - log(a);
    }
    const double n = a + b, u = x - a / n; /* deviance from the mean, so that large logarithms do not cancel */
    const double deviance = a * log1p(u * n / a) + b * log1p(-u * n / b);
    return deviance + .5 * log(b / (a * n)) - .5 * log(2 * M_PI) + stirling(n) - stirling(a) - stirling(b);
}

double desy_beta_cdf(double x, double a, double b)
{
    if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - exp(log_front(1 - x, b, a)) * beta_fraction(1 - x, b, a);
    return exp(log_front(x, a, b)) * beta_fraction(x, a, b);
}

static double beta_quantile(double p, double a, double b)
{
    double low = 0, high = 1;
    for (int i = 0; i < 200 && low < high; i++) {
        const double middle = (low + high) / 2;
        if (middle <= low || middle >= high) break;
        if (desy_beta_cdf(middle, a, b) < p) low = middle;
        else high = middle;
    }
    return (low + high) / 2;
}

void desy_clopper_pearson(int64_t k, int64_t n, double interval[2])
{
    const double yes = (double)k, no = (double)(n - k);
    interval[0] = k == 0 ? 0 : beta_quantile(.025, yes, no + 1);
    interval[1] = k == n ? 1 : beta_quantile(.975, yes + 1, no);
}

double desy_mcnemar(int64_t k, int64_t n)
{
    const int64_t fewer = k < n - k ? k : n - k;
    if (2 * fewer >= n) return 1;
    return fmin(1, 2 * desy_beta_cdf(.5, (double)(n - fewer), (double)fewer + 1)); /* P(at most `fewer` of n) */
}

static double quantile(const double *sorted, size_t n, double p)
{
    const double at = p * (double)(n - 1);
    const size_t i = (size_t)at;
    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

void desy_percentiles(double *values, size_t n, double interval[2])
{
    qsort(values, n, sizeof *values, desy_ascending);
    interval[0] = n ? quantile(values, n, .025) : NAN;
    interval[1] = n ? quantile(values, n, .975) : NAN;
}

void desy_bca(const double *sorted, size_t n, double estimate, double acceleration, double interval[2])
{
    double below = 0;
    for (size_t i = 0; i < n; i++) below += sorted[i] < estimate ? 1 : sorted[i] == estimate ? .5 : 0;
    const double share = below / (double)n, bias = share > 0 && share < 1 ? desy_normal_quantile(share) : 0;
    if (share <= 0 || share >= 1) acceleration = 0;
    for (int side = 0; side < 2; side++) {
        const double z = bias + (side ? DESY_NORMAL_QUANTILE : -DESY_NORMAL_QUANTILE);
        interval[side] = quantile(sorted, n, desy_normal_cdf(bias + z / (1 - acceleration * z)));
    }
}
