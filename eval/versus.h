/* Two scores of the same clips: is one better, or is it chance? */
#ifndef DESY_EVAL_VERSUS_H
#define DESY_EVAL_VERSUS_H

#include "eval/report.h"

struct desy_rival {
    const struct desy_scores *scores; /* this rank's share of its rows, in any order */
    double threshold;
    const char *name, *ours;          /* what it and what is evaluated are called: "b.csv", "a.csv" */
};

/* Collective; agreed. Adds `versus` to json (rank 0; NULL elsewhere): differences, rival less ours, of the AUC (DeLong's covariance, clustered where there are groups, and the
 * bootstrap) and of the accuracy at either's threshold (McNemar's exact test), with intervals, p values, and `words` (docs/evaluation.md). Over the clips that both have a score of.
 * Rows are matched by id. DESY_EDATA: an id that is in one table alone, or twice; a label that is not the same in both; one class alone; DESY_EENV: memory. */
int desy_versus_add(desy_world *world, const struct desy_scores *scores, const struct desy_report_options *options, cJSON *json);

#endif
