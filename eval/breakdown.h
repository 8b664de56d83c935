/* For whom it fails: every generator against every real source, each with its interval. */
#ifndef DESY_EVAL_BREAKDOWN_H
#define DESY_EVAL_BREAKDOWN_H

#include "eval/evaluated.h"
#include "eval/report.h"

#define DESY_BREAKDOWN_MOST 50 /* generators, and real sources, of the matrix: the largest */

/* Collective; agreed. Adds `breakdown` to json (rank 0; NULL elsewhere) and writes breakdown.csv (docs/evaluation.md). A source with clips of both labels is a generator by the
 * ones and a real source by the others. Without sources: nothing. DESY_EENV: memory, the disk. */
int desy_breakdown_add(desy_world *world, const struct desy_evaluated *evaluated, const struct desy_report_options *options, cJSON *json);

#endif
