/* Inside stages/: the parts of `desy eval`. */
#ifndef DESY_STAGES_EVAL_H
#define DESY_STAGES_EVAL_H

#include "eval/report.h"
#include "stages/stage.h"

#define DESY_EVAL_RESAMPLES 2000

/* What its options say. */
extern struct desy_eval_settings {
    const char *model, *scores, *split, *level, *device, *threshold, *protocol, *versus, *controls, *lodo, *dataset, *weights;
    double false_alarms, prior;
    int unlabelled, resamples, thumbnails, robustness, compare, csv_safe;
} desy_eval_settings;

/* Not collective. *level: -1 for all. *threshold_from stays as it is where no threshold is given. */
int desy_eval_parse(int *level, double *threshold, const char **threshold_from);
/* Collective; takes an agreed state. Writes the report and says what came out. */
int desy_eval_report(struct desy_invocation *invocation, const struct desy_scores *scores, struct desy_report_options *options);
/* Collective. The report of a file of scores (eval_scores.c). */
int desy_eval_scores(struct desy_invocation *invocation, const char *file, const char *directory);

#endif
