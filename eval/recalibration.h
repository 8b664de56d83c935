/* Scores made into better probabilities by a curve that was fitted elsewhere: how much would that mend? */
#ifndef DESY_EVAL_RECALIBRATION_H
#define DESY_EVAL_RECALIBRATION_H

#include "eval/calibration.h"
#include "eval/scores.h"

/* Temperature: logit / T (Guo et al., ICML 2017). Platt: slope x logit + intercept, fitted to (n_pos + 1) / (n_pos + 2) and 1 / (n_neg + 2) in place of 1 and 0 (Platt 1999).
 * Isotonic: eval/isotonic.h. */
enum desy_recalibration_method { DESY_TEMPERATURE, DESY_PLATT, DESY_ISOTONIC, DESY_RECALIBRATIONS };

#define DESY_RECALIBRATION_FOLDS 5
#define DESY_CROSS_FITTED_MOST 1000000 /* clips: beyond, a part that curves are fitted to can be spared, and five fits would take longer than all else */

struct desy_recalibrated {
    bool done;                        /* else the rest is not set: no such fit exists */
    double brier, ece, log_loss;      /* ECE: ten bins of equal width */
    struct desy_logistic cox;         /* of what came out */
    double slope, intercept;          /* of Platt's fit; slope of temperature's, 1 / T; of validation's alone */
    size_t steps;                     /* of the isotonic fit; the same */
};

struct desy_recalibration {
    bool on_validation;               /* fitted to the validation part; else to four fifths of the evaluated part at a time, and applied to the last: groups never torn apart */
    struct desy_recalibrated methods[DESY_RECALIBRATIONS];
};

/* Collective; agreed. Scores in [0, 1], as validation's (NULL: none). Where validation lacks a class (or a score outside [0, 1] makes it unfit), cross-fitted,
 * unless there are more than DESY_CROSS_FITTED_MOST clips: then no method is done.
 * A clip's fold is a function of (seed, its group, or its id where it has none). DESY_EENV: memory. */
int desy_recalibration_measure(desy_world *world, const struct desy_scores *evaluated, const struct desy_scores *validation, uint64_t seed,
                               struct desy_recalibration *recalibration);
#endif
