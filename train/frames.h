/* Inside train/: the frames of clips as the store has them, for channels that read more than pooled vectors. */
#ifndef DESY_TRAIN_FRAMES_H
#define DESY_TRAIN_FRAMES_H

#include "features/store.h"

struct desy_frames {
    desy_store *store;  /* borrowed; read by one thread at a time */
    int frames, dims;   /* T, D */
    int32_t *n_frames;  /* (rows of the store): of each clip */
};

#endif
