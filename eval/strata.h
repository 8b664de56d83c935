/* Does it fail on short clips, small ones, those of a codec? */
#ifndef DESY_EVAL_STRATA_H
#define DESY_EVAL_STRATA_H

#include "eval/evaluated.h"
#include "eval/report.h"

/* Collective; agreed. Adds `strata` to json (rank 0; NULL elsewhere): for each attribute that is known (options->known) each value's counts, AUC within it, and rates at the
 * threshold, with intervals. DESY_EENV: memory. */
int desy_strata_add(desy_world *world, const struct desy_evaluated *evaluated, const struct desy_report_options *options, cJSON *json);

#endif
