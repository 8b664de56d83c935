/* Clips on their way through an extractor, several at once: they are put in batches of the extractor's one shape in the order in which they are added, and
 * come out in that order. While a device is at work on one batch, the next is filled and sent; on a CPU the same is done one after the other.
 * One thread at a time; nothing is collective. */
#ifndef DESY_FEATURES_BATCHES_H
#define DESY_FEATURES_BATCHES_H

#include "features/extractor.h"

typedef struct desy_batches desy_batches;

struct desy_batches_options {
    const struct desy_extractor *extractor;
    void *state; /* of the extractor, borrowed until close; nobody else may use it while clips are on their way */
    bool crops, rgb; /* clips are given out with theirs */
    /* A clip that comes out: what add was given, but for crops and rgb that are not wanted; features (T, D), NULL of one that failed; both borrowed during the call, which adds nothing
     * itself. finite: as desy_extractor_extract says. Its error is that of the call that gave the clip out. */
    int (*deliver)(void *context, uint64_t tag, const struct desy_clip *clip, const float *features, bool finite);
    void *context;
};

/* DESY_EENV: memory. */
int desy_batches_open(desy_batches **batches, const struct desy_batches_options *options);
/* Copies a clip to the next place of the batch that is being filled, and starts that when it is full; then the batch before it comes out. A clip that failed takes its
 * place and is not looked at: whether a decoder was late moves no other clip. At most two batches are on their way. Errors: the encoder's, deliver's; then clear. */
int desy_batches_add(desy_batches *batches, const struct desy_clip *clip, uint64_t tag);
/* Starts the batch that is being filled, if it has any clip, whatever places are empty. */
int desy_batches_flush(desy_batches *batches);
/* Flushes, and all that is on its way comes out. */
int desy_batches_drain(desy_batches *batches);
/* Batches that went through the network so far, full or not. */
uint64_t desy_batches_count(const desy_batches *batches);
/* Forgets all that is on its way. */
void desy_batches_clear(desy_batches *batches);
void desy_batches_close(desy_batches **batches); /* NULL-safe; before the extractor's */

#endif
