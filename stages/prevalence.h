#ifndef DESY_STAGES_PREVALENCE_H
#define DESY_STAGES_PREVALENCE_H

#include "stages/stage.h"

/* desy eval --scores FILE --unlabelled: the share of AI-generated clips among scores without labels, in words to the log and in `directory`/prevalence.json. Collective. */
int desy_prevalence_stage(struct desy_invocation *invocation, const char *file, const char *directory, double prior);

#endif
