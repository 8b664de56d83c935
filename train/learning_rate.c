#include "train/learning_rate.h"

#include "train/rate_sweep.h"

#include <math.h>

double desy_learning_rate_at(const struct desy_learning_rate *rate, long step)
{
    if (step < rate->warmup) return rate->highest * (double)(step + 1) / (double)rate->warmup;
    if (rate->kind == DESY_SCHEDULE_SWEEP) return desy_sweep_rate((int)step);
    if (rate->kind == DESY_SCHEDULE_CONSTANT) return rate->highest;
    return rate->highest * (1 + cos(M_PI * (double)(step - rate->warmup) / (double)(rate->total - rate->warmup))) / 2;
}
