/* Inside train/: a full form under training, from its first step to its last; what an epoch is made of. */
#ifndef DESY_TRAIN_TRAINER_H
#define DESY_TRAIN_TRAINER_H

#include "train/balance.h"
#include "train/epochs.h"
#include "train/gradient_sum.h"
#include "train/loader.h"
#include "train/same.h"

enum { DESY_ASKED_NOTHING, DESY_ASKED_CHECKPOINT, DESY_ASKED_STOP };

struct desy_trainer {
    const struct desy_fit *fit, *validation;
    const uint64_t *ids;
    const struct desy_train_options *options;
    struct desy_checkpoints *checkpoints; /* NULL: none */
    struct desy_head *head;
    const char *name;
    uint64_t seed, stream;
    struct desy_curve *curve;
    /* what a step works with */
    uint32_t *chosen, *order;    /* (n) rows of the fit's items; their order in this epoch */
    struct desy_fit weighted;    /* the fit with class weights; .weights are the trainer's own, NULL: balanced */
    double weights_sum;          /* of the fit's items */
    struct desy_balance balance; /* .n 0: every item once an epoch */
    uint32_t *repeats;           /* (n): how often an item came before in this epoch; NULL: every item comes once */
    size_t n, batch, accumulate, shard_rows, shards; /* of a full batch */
    desy_loader *loader;
    size_t in_batch;
    const void *x;               /* of this rank's shards: train/loader.h */
    const int32_t *lengths;
    float *labels, *weights;     /* (shards * shard_rows), padded with weight 0 */
    uint64_t *shard_ids;
    /* the network's flat buffers */
    size_t count;
    float *parameters, *best;
    float *scratch;              /* the gradient of a batch that is not its step's first */
    struct desy_gradient_sum sum; /* of the shards' gradients */
    struct desy_optimizer optimizer;
    struct desy_learning_rate rate;
    struct desy_loss_scale loss_scale; /* of fp16; else 1 */
    size_t from;                 /* items of this epoch that are done */
    int asked;                   /* by any rank, before the last step */
    double verify;               /* rank 0: from when on it looks again whether the store has changed */
    double due;                  /* rank 0: when the next checkpoint is, by the clock */
    /* of this rank, over an epoch */
    double *losses;              /* of each shard */
    size_t n_losses, losses_room;
    int64_t right;
    int pending;                 /* a failure of this rank alone, which the next agreement brings to the others */
};

/* Collective. Everything up to the first step: the head's standardisation, its new network, room. Close it whatever comes of it. */
int desy_trainer_begin(struct desy_trainer *t, const struct desy_full_fit *f, struct desy_head *head);
void desy_trainer_close(struct desy_trainer *t);
/* The order of this epoch; batches begin at t->from. A failure is left in t->pending. */
void desy_trainer_begin_epoch(struct desy_trainer *t, int number);
/* The loss of this epoch's next step. */
struct desy_network_loss desy_trainer_loss(const struct desy_trainer *t, int epoch);
/* Collective. The next step; t->asked: what any rank asked for before it. A failure of this rank may be in t->pending instead, until the next step that ranks agree after. */
int desy_trainer_step(struct desy_trainer *t, const struct desy_network_loss *how);
/* Seconds. */
double desy_trainer_clock(void);

#endif
