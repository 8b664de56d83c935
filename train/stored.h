/* Inside train/: clips as the store has them, for channels that read more than pooled vectors. */
#ifndef DESY_TRAIN_STORED_H
#define DESY_TRAIN_STORED_H

#include "features/store.h"

#include <stdbool.h>

struct desy_stored {
    desy_store *store;      /* borrowed; read by one thread at a time. NULL: there is none */
    int frames, dims;       /* T, D */
    int32_t *n_frames;      /* (rows of the store): of each clip */
    int32_t *audio_samples; /* (rows of the store): 0 where a clip has no sound, and where the store has none */
    uint8_t *has_text;      /* (rows of the store) */
    char **texts;           /* (rows of the store): of this rank's rows; NULL: none */
    bool any_text;          /* has any of them one? */
};

#endif
