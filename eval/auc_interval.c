#include "eval/auc_interval.h"

#include "eval/interval.h"

#include <math.h>

/* Newcombe's V: Hanley and McNeil's variance with both sample sizes as their mean. */
static double newcombe_variance(double theta, double pos, double neg)
{
    const double star = (pos + neg) / 2. - 1.;
    return theta * (1. - theta) * (1. + star * (1. - theta) / (2. - theta) + star * theta / (1. + theta)) / (pos * neg);
}

/* The theta between auc and `end` at which |auc - theta| = z sqrt(V(theta)). */
static double newcombe_bound(double auc, double end, double pos, double neg)
{
    double inside = auc, outside = end;
    for (int i = 0; i < 100; i++) {
        const double middle = (inside + outside) / 2.;
        if (fabs(auc - middle) <= DESY_NORMAL_QUANTILE * sqrt(newcombe_variance(middle, pos, neg))) inside = middle;
        else outside = middle;
    }
    return inside;
}

void desy_auc_interval(double auc, double variance, int64_t pos, int64_t neg, double interval[2], const char **method)
{
    *method = variance > 0 ? "DeLong" : "Newcombe";
    for (int end = 0; end < 2; end++)
        interval[end] = variance > 0 ? fmin(1., fmax(0., auc + (end ? 1 : -1) * DESY_NORMAL_QUANTILE * sqrt(variance))) : newcombe_bound(auc, end, (double)pos, (double)neg);
}

/* How far the right side of the equation lies above its left side. */
static double lacks(double a, double pos, double neg)
{
    const double hanley = (a * (1 - a) + (pos - 1) * (a / (2 - a) - a * a) + (neg - 1) * (2 * a * a / (1 + a) - a * a)) / (pos * neg);
    return desy_normal_quantile(.95) * sqrt((pos + neg + 1) / (12 * pos * neg)) + desy_normal_quantile(.8) * sqrt(fmax(0, hanley)) - (a - .5);
}

double desy_auc_smallest_found(int64_t pos, int64_t neg)
{
    double low = .5, high = 1;
    if (lacks(high, (double)pos, (double)neg) > 0) return NAN;
    for (int i = 0; i < 60; i++) {
        const double middle = (low + high) / 2;
        if (lacks(middle, (double)pos, (double)neg) > 0) low = middle;
        else high = middle;
    }
    return (low + high) / 2;
}
