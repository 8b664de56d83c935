/* What a store knows of the clips beyond their scores: plain arrays, of this rank's rows of desy_scores, that stages/ fills. All that is NULL is not known. */
#ifndef DESY_EVAL_KNOWN_H
#define DESY_EVAL_KNOWN_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DESY_ATTRIBUTES 3 /* duration, resolution, codec */

/* A mark of a clip that a control does not speak of: it is in the training part itself, or was not looked at. Else 0 or 1 as said below. */
enum { DESY_LEFT_OUT = 2 };

struct desy_known {
    struct desy_attribute {  /* values are the same on every rank */
        const char *name;
        char **values;
        size_t n;
        uint32_t *of;        /* (rows): index of its value; n: not known */
    } attributes[DESY_ATTRIBUTES];
    double *probe;           /* (rows): logit of the probe on metadata, fitted to the training part; NaN: none */
    uint8_t *new_source;     /* (rows): 1: the training part has no clip of that source and label; or DESY_LEFT_OUT */
    uint8_t *copied;         /* (rows): 1: the training part has a copy, or a clip of its group; or DESY_LEFT_OUT; NULL: not looked for */
    uint64_t trained;        /* clips in the training part */
    bool of_model;           /* it is what the model was trained on */
    cJSON *leakage;          /* rank 0: what was compared, and the pairs; owned */
    /* Writes a picture of row `row` of all to `path`; whether it could. Called on rank 0 alone. NULL: none can be had. */
    bool (*draw)(void *context, uint64_t row, const char *path);
    void *context;
};

#endif
