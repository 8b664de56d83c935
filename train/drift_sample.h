/* Inside train/: what a model remembers of its training clips, so that later ones can be compared with them (eval/drift_reference.h reads it). */
#ifndef DESY_TRAIN_DRIFT_SAMPLE_H
#define DESY_TRAIN_DRIFT_SAMPLE_H

#include "train/fitting.h"

/* The last two parts are ensemble->summaries of what is written. */
struct desy_drift_sample {
    cJSON *json;    /* member "drift" of model.json, but for what is said of the file */
    float *rows;    /* (n, columns): summaries (train/summary.h) of clips drawn at random, NaN where there is none */
    size_t n, columns;
};

/* Collective; the same on every rank. Of the training items, views left out:
 * quantiles of the fused logit and of each level's, all calibrated at prior .5 and out-of-fold, that is by heads that had not seen the item's source: by the final heads, which know
 * these clips, they would lie further apart than any new ones will; and of each summary column. Quantiles are the values themselves, ascending, to 1e-4: all of them, or 500 evenly spaced
 * ones (columns: of 500 items drawn by seed and id).
 * fused (total): out-of-fold; kept (measured.chosen, ensemble.n): out-of-fold logits of the channels, in the order of the rows. Close also what failed. DESY_EENV: memory. */
int desy_drift_sample(const struct desy_fitting *f, const double *kept, const double *fused, struct desy_drift_sample *sample);
void desy_drift_sample_close(struct desy_drift_sample *sample);

#endif
