/* The videos of a part of a store, altered in each way of features/alteration.h, extracted and scored again. */
#ifndef DESY_STAGES_ROBUSTNESS_H
#define DESY_STAGES_ROBUSTNESS_H

#include "eval/robustness.h"
#include "stages/stage.h"
#include "stages/store_scores.h"

struct desy_robustness {
    const struct desy_store_scoring *scoring; /* the model, and the store of videos as they are */
    const struct desy_chosen_items *evaluated, *validation; /* items of it; no validation: none */
    const char *store, *model, *directory;    /* of the store, the model, the report, whose folder robustness/ holds list and store of the altered videos */
    const char *dataset;                      /* that the store was made of; NULL: where it was then */
    const char *weights, *device;             /* of extraction; NULL: the default ones */
};

/* Collective; agreed. *altered: new, (*n): as they are, then each alteration; close with desy_robustness_close. DESY_EDATA: the data set is gone, or another; else as extraction. */
int desy_robustness_score(struct desy_invocation *invocation, const struct desy_robustness *robustness, struct desy_altered_scores **altered, size_t *n);
void desy_robustness_close(struct desy_altered_scores *altered, size_t n);

#endif
