#include "eval/forecast.h"

#include <math.h>

static struct desy_forecast row_at(const void *context, size_t i)
{
    const struct desy_row_forecasts *rows = context;
    const double score = rows->scores->score[i];
    const bool out = isnan(score) || (rows->folds && rows->folds[i] == rows->left_out);
    return (struct desy_forecast){rows->instead ? rows->instead[i] : score, out ? 0 : 1, rows->scores->label[i], rows->first + i};
}

void desy_row_forecasts_open(desy_world *world, struct desy_row_forecasts *rows)
{
    int64_t all = (int64_t)rows->scores->n;
    rows->first = (uint64_t)desy_prefix_i64(world, all);
    desy_sum_i64(world, &all, 1);
    rows->all = (struct desy_forecasts){rows->scores->n, (uint64_t)all, 1, rows, row_at};
}

double desy_logit(double probability)
{
    const double p = fmin(fmax(probability, 0x1p-52), 1. - 0x1p-52);
    return log(p) - log(1. - p);
}

double desy_probability(double logit)
{
    const double e = exp(-fabs(logit));
    return logit >= 0 ? 1. / (1. + e) : e / (1. + e);
}
