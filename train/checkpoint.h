/* Inside train/ and for tests: where a full form's fit stands, kept so that the same command goes on from it, on any number of ranks, to the same
 * bits. Random numbers, order and learning rate are functions of seed, epoch, item and step, so that none of them is part of it.
 * SAVE_DIR/checkpoints/TRAINING/CHANNEL-STREAM-STEP.safetensors, TRAINING from the fingerprint: trainings into one directory keep theirs apart. */
#ifndef DESY_TRAIN_CHECKPOINT_H
#define DESY_TRAIN_CHECKPOINT_H

#include "mpi/world.h"
#include "train/curve.h"
#include "train/loss_scale.h"

/* Of a training. */
struct desy_checkpoints {
    char *directory; /* on rank 0; made when there is something to keep */
    char fingerprint[65];
    double minutes;  /* after so many one is due, beside those of epochs; 0: after every step */
    double ready;    /* rank 0: from when on an epoch's may be written; 0: now */
};

/* Rank 0. Removes what a killed process left half-written; `anew`: and all that is there. */
int desy_checkpoints_open(struct desy_checkpoints *checkpoints, const char *save_dir, const char *fingerprint, double minutes, bool anew);
/* Rank 0: the training is published, or begins anew. */
void desy_checkpoints_remove(const struct desy_checkpoints *checkpoints);
void desy_checkpoints_close(struct desy_checkpoints *checkpoints);

enum { DESY_STATE_PARAMETERS, DESY_STATE_BEST, DESY_STATE_FIRST, DESY_STATE_SECOND, DESY_STATE_BUFFERS };

/* Of a fit, which is called by its channel and stream. Buffers, curve, step, scale and `from` are the same on all ranks; the rest is each rank's part. */
struct desy_fit_state {
    const char *channel;
    uint64_t stream;
    float *buffers[DESY_STATE_BUFFERS]; /* (count); second: NULL if the optimiser has none */
    size_t count;
    struct desy_curve *curve;   /* of finished epochs; room for `epochs` */
    int epochs;
    struct desy_loss_scale loss_scale;
    int64_t step, from;         /* of the optimiser; items of the epoch under way that are done */
    int64_t right;              /* of those */
    double *losses;             /* (n_losses): of their shards; room for losses_room */
    size_t n_losses, losses_room;
};

/* Collective. The last two of a fit stay. One that cannot be written (a full disk) is warned of, and costs nothing else. */
void desy_checkpoint_save(desy_world *world, const struct desy_checkpoints *checkpoints, const struct desy_fit_state *state);
/* Collective. The newest that is whole becomes the state; one that is not is named in a warning, and the one before it is taken.
 * *found: there was one. DESY_EENV: memory. */
int desy_checkpoint_resume(desy_world *world, const struct desy_checkpoints *checkpoints, struct desy_fit_state *state, bool *found);

#endif
