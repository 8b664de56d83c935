/* Inside the controls: what was measured, and how it is written. */
#ifndef DESY_EVAL_CONTROLS_JSON_H
#define DESY_EVAL_CONTROLS_JSON_H

#include "eval/real_against_real.h"
#include "eval/report.h"
#include "eval/verdict.h"

struct desy_controls {
    const struct desy_sources *sources_of;
    struct desy_findings findings;
    struct desy_real_against_real real;
    struct desy_permutation probe;
    bool has_sources;
    int64_t sources[2][2];        /* [label][is new]: evaluated sources that the training part has, and that it has not */
    struct desy_auc with, without; /* all clips, and those that are not in the training part */
};

/* Rank 0. DESY_EENV: memory. */
int desy_controls_json(const struct desy_controls *controls, const struct desy_report_options *options, cJSON *json);

#endif
