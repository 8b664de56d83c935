/* Inside train/: which inputs of its linear channels a logit comes from, in groups that have a name: blocks of features/blocks.h, those of
 * 8 x 8 frequencies cut into three bands, and how far a clip lies from those of the training. Not collective. */
#ifndef DESY_TRAIN_EVIDENCE_H
#define DESY_TRAIN_EVIDENCE_H

#include "train/ensemble.h"

struct desy_evidence {
    int n;
    struct desy_evidence_group {
        int channel;              /* of ensemble->heads */
        const char *block, *part; /* "encoder", "mean"; "e", "coarse", "middle" or "fine" (max(u, v) = 1..2, 3..4, 5..7); "texture", "" */
        int inputs;
    } groups[DESY_MAX_GROUPS];
    int *of_input[DESY_MAX_CHANNELS]; /* (inputs of the head): its group; NULL: a full form, which has none */
    double *room;                     /* (most inputs of a head) */
};

/* DESY_EDATA: more than DESY_MAX_GROUPS. Close also what could not be opened. */
int desy_evidence_open(struct desy_evidence *evidence, const struct desy_ensemble *ensemble);
void desy_evidence_close(struct desy_evidence *evidence);

/* Adds to logits[n] what each group adds to its channel's standardised logit, the sum of direction z / deviation; to values[n] the
 * mean of its standardised inputs z, within [-3, 3]. vector: pooled. */
void desy_evidence_add(const struct desy_evidence *evidence, const struct desy_ensemble *ensemble, const float *vector, double *logits, double *values);
/* What is left of a channel's standardised logit: (bias - mean) / deviation. */
double desy_evidence_constant(const struct desy_head *head);

/* How far the inputs of a channel lie from those of the training clips: the root mean square of (x - median) / scale, each within [-10, 10]. */
double desy_evidence_distance(const struct desy_head *head, const float *vector);

#endif
