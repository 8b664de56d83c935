#include "train/rate_sweep.h"

#include <math.h>

#define SMOOTHING .98
#define DIVERGED 4 /* times the lowest */
#define FALLEN .95
#define BESIDE 2 /* steps, on each side of the one whose slope is asked for */
#define FIRST_STEPS 10 /* of which none is taken for the lowest or the end: their average is one of few */

double desy_sweep_rate(int step)
{
    return DESY_SWEEP_LOWEST * pow(DESY_SWEEP_HIGHEST / DESY_SWEEP_LOWEST, (double)step / (DESY_SWEEP_STEPS - 1));
}

bool desy_sweep_add(struct desy_rate_sweep *sweep, double loss)
{
    const int i = sweep->n++;
    sweep->losses[i] = loss;
    sweep->average = SMOOTHING * sweep->average + (1 - SMOOTHING) * loss;
    sweep->smoothed[i] = sweep->average / (1 - pow(SMOOTHING, i + 1));
    if (i < FIRST_STEPS || sweep->smoothed[i] < sweep->smoothed[sweep->lowest]) sweep->lowest = isfinite(loss) ? i : sweep->lowest;
    sweep->diverged = !isfinite(loss) || (i >= FIRST_STEPS && sweep->smoothed[i] > DIVERGED * sweep->smoothed[sweep->lowest]);
    return !sweep->diverged && sweep->n < DESY_SWEEP_STEPS;
}

int desy_sweep_steepest(const struct desy_rate_sweep *sweep)
{
    const double *loss = sweep->smoothed;
    double most = 0;
    int steepest = -1;
    if (sweep->lowest < FIRST_STEPS || loss[sweep->lowest] > FALLEN * loss[FIRST_STEPS]) return -1;
    for (int i = FIRST_STEPS; i + BESIDE <= sweep->lowest; i++)
        if (loss[i - BESIDE] - loss[i + BESIDE] > most) most = loss[i - BESIDE] - loss[i + BESIDE], steepest = i;
    return steepest;
}
