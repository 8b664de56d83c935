/* Negative controls: what else than generation may the score go by? */
#ifndef DESY_EVAL_CONTROLS_H
#define DESY_EVAL_CONTROLS_H

#include "eval/evaluated.h"
#include "eval/report.h"

/* Collective; agreed. Adds `controls` to json (rank 0; NULL elsewhere): verdict and reasons, label_permutation, real_against_real, and, of a store (options->known),
 * metadata_probe, unseen_sources, leakage; leave_one_generator_out, where options->lodo has it (docs/evaluation.md). A function of options->seed. DESY_EENV: memory. */
int desy_controls_add(desy_world *world, const struct desy_evaluated *evaluated, const struct desy_report_options *options, cJSON *json);

#endif
