/* How often each unit was drawn, in many resamples side by side: whole numbers, each a function of the seed, the resample and the unit alone. */
#ifndef DESY_EVAL_RESAMPLE_H
#define DESY_EVAL_RESAMPLE_H

#include "eval/units.h"

#define DESY_LANES 64 /* resamples of a block */

/* weights (units->n, DESY_LANES), times (units->n_strata, DESY_LANES): of resamples block * DESY_LANES and on. Of each stratum as many units as it has are drawn, with
 * replacement and equal chances; of SOURCES first as many real sources as there are, and as many generators, and the units of one that was drawn `times` times are drawn so
 * many times, anew each time (the two-stage bootstrap; Davison & Hinkley 1997, section 3.8). Returns the largest weight.
 *
 * A unit's count is Poisson at first, which many lanes can look up side by side; then as many draws as are too few or too many in a stratum are added, or taken from those
 * made, all alike. Given their number, Poisson counts are multinomial, so that what comes out is exactly what draws one after another would give (to 2^-32). */
unsigned desy_resample(const struct desy_units *units, uint64_t seed, uint64_t block, uint8_t *weights, uint8_t *times);

#endif
