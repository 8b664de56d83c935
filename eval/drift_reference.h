/* What a model was trained on, as far as later clips are compared with it: the member "drift" of model.json and drift.safetensors (docs/data.md). */
#ifndef DESY_EVAL_DRIFT_REFERENCE_H
#define DESY_EVAL_DRIFT_REFERENCE_H

#include "eval/drift_rows.h"

#include <cjson/cJSON.h>

struct desy_drift_reference {
    char over[200];                       /* what it is of, in words */
    double *scores[DESY_DRIFT_SCORES];    /* (n_scores): ascending; NULL: the model has no such level */
    size_t n_scores[DESY_DRIFT_SCORES];
    struct desy_drift_feature {
        char *name;
        double *values;                   /* (n): ascending */
        size_t n;
    } *features;                          /* (columns): summaries of a clip's features */
    size_t columns;
    double *rows;                         /* (n_rows, columns): of clips drawn at random, NaN where a clip has none */
    size_t n_rows;
};

/* directory: that of model.json. Not collective. Caller closes, also after an error. DESY_EDATA: the model keeps no reference (it was trained by an older version), or a damaged one. */
int desy_drift_reference_read(struct desy_drift_reference *reference, const cJSON *model, const char *directory);
/* In place of the training's scores those of another day; its features stay. DESY_EENV: memory. */
int desy_drift_reference_replace(struct desy_drift_reference *reference, const struct desy_drift_rows *rows, const char *name);
void desy_drift_reference_close(struct desy_drift_reference *reference);

#endif
