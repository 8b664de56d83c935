/* Inside stages/: what desy quantize measures of a model and the one that was made of it. */
#ifndef DESY_STAGES_QUANTIZE_H
#define DESY_STAGES_QUANTIZE_H

#include "stages/stage.h"
#include "train/quantise.h"

struct desy_quantize_measured {
    double seconds[DESY_MAX_CHANNELS][2]; /* medians of a clip by each channel, before and after; 0: not measured */
    cJSON *versus;                        /* eval/versus.h; NULL: not measured. Caller deletes */
    double loss;                          /* of AUC; below 0: it became better */
};

/* classifiers: before, after. On the clips of `split` of the store: scores of both, compared, and the times of one clip. DESY_EDATA: the store does not fit the model, or holds no
 * labelled clips of both classes there; DESY_EENV. */
int desy_quantize_measure(struct desy_invocation *invocation, desy_classifier *const classifiers[2], const char *store, const char *split, struct desy_quantize_measured *measured);

#endif
