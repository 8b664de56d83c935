/* Inside train/ and for tests: the search for a learning rate, which rises from step to step while the loss is watched (Smith, "Cyclical learning rates for
 * training neural networks", WACV 2017, section 3.3). Rising exponentially, the smoothed loss, the end at four times its lowest, and the rate where it falls most
 * steeply are fastai's (Howard & Gugger, Information 11(2), 2020; its suggestion "steep"). Pure. */
#ifndef DESY_TRAIN_RATE_SWEEP_H
#define DESY_TRAIN_RATE_SWEEP_H

#include <stdbool.h>

#define DESY_SWEEP_STEPS 100
#define DESY_SWEEP_LOWEST 1e-7
#define DESY_SWEEP_HIGHEST 1

struct desy_rate_sweep {
    const char *channel;
    int n;                                    /* steps that were done */
    double losses[DESY_SWEEP_STEPS];          /* of step i at the rate of step i; the last may not be finite */
    double smoothed[DESY_SWEEP_STEPS];        /* exponential average, .98 of it the steps before, as if there had been no step before the first (Kingma & Ba 2015, section 3) */
    double average;                           /* without that correction */
    int lowest;                               /* step of the lowest smoothed loss */
    bool diverged;                            /* it ended before its last step */
};

/* lowest x (highest / lowest)^(step / (steps - 1)). */
double desy_sweep_rate(int step);
/* The loss of the next step. false: it was the last one. */
bool desy_sweep_add(struct desy_rate_sweep *sweep, double loss);
/* The step, before that of the lowest smoothed loss, from whose neighbours on the left to those on the right that loss falls most; -1: it did not fall by 5 %, no
 * rate helped. The rate of that step is the suggestion. */
int desy_sweep_steepest(const struct desy_rate_sweep *sweep);

#endif
