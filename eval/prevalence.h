/* How many of a collection without labels are AI-generated? */
#ifndef DESY_EVAL_PREVALENCE_H
#define DESY_EVAL_PREVALENCE_H

#include "eval/forecast.h"

struct desy_prevalence {
    double share, interval[2]; /* of AI-generated clips; 95 % by the likelihood ratio, clips taken as independent */
};

/* The fixed point of the EM of Saerens, Latinne & Decaestecker (Neural Computation 2002), which is the maximum of the likelihood of the share: the likelihood is concave in it, and Newton's
 * method finds it. It holds if the probabilities are calibrated at `prior` (in (0, 1)), and if AI-generated and real clips are like those of the calibration, but for how many there are of each
 * ("label shift"). Labels are not read; each weight is 1 or 0. Where every probability is the prior, nothing can be said: the share .5, the interval from 0 to 1.
 * Collective; agreed. DESY_EDATA: a probability outside [0, 1]. */
int desy_prevalence_estimate(desy_world *world, const struct desy_forecasts *forecasts, double prior, struct desy_prevalence *estimate);

#endif
