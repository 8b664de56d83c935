/* Extractors: a clip becomes (T, D) features. To add one, write a file and add a line to the table in extractor.c. */
#ifndef DESY_FEATURES_EXTRACTOR_H
#define DESY_FEATURES_EXTRACTOR_H

#include "features/clip.h"
#include "model/model.h"

#include <cjson/cJSON.h>

#define DESY_MOST_BATCH_CLIPS 256
/* Clips of a batch where nobody says how many: 8 on a CUDA device; 1 on a CPU, whose passes are of a few frames whatever the batch. */
int desy_default_batch_clips(const char *device);

struct desy_extractor_options {
    const char *weights;   /* file, or NULL: the extractor's default place (hybrid: $DESY_WEIGHTS_DIR, else the path fixed at configure time) */
    const char *device;    /* as desy_torch_device gives it */
    enum desy_precision precision;
    int frames;            /* T: of a clip, at most */
    int clips;             /* B: of a batch, at most; 0 is 1 */
    int threads;           /* intra-op threads of every network call */
    bool allow_code;
    int dims;              /* D of a TorchScript encoder (features/torchscript.h) */
};

typedef struct desy_encoder desy_encoder; /* the network of an extractor (features/encoder.h) */

struct desy_extractor {
    const char *name;   /* "hybrid", "resnet50": also the name of the dataset in the store */
    int dims;           /* D */
    int version;        /* raised whenever the same video would give other numbers */
    bool forensic;      /* needs clip->forensic */
    bool fp32_alone;    /* its numbers do not stand lower precision (measured by bench/precision.py) */
    const char *help;
    int (*open)(void **state, const struct desy_extractor_options *options);
    /* How its clips are to be made; may come with the weights. */
    enum desy_transform (*transform)(const void *state);
    /* Whose numbers are the first of each row. */
    desy_encoder *(*encoder)(void *state);
    /* Fills in the other numbers of rows 0..clip->frames - 1 of features (T, D); NULL: there are none. */
    void (*complete)(const struct desy_clip *clip, float *features);
    /* Adds what decides the numbers to `provenance`: weights_sha256, precision, device, gpu, isa, torch, threads, batch; resnet50: preprocess. */
    int (*describe)(void *state, cJSON *provenance);
    void (*close)(void **state);
};

/* Ends with an entry whose name is NULL. */
extern const struct desy_extractor desy_extractors[];
/* DESY_EUSAGE names those there are. */
int desy_extractor_find(const struct desy_extractor **extractor, const char *name);
#define DESY_NOT_FINITE "the extractor gave a value that is not finite"
/* features (T, D) of one clip: rows 0..clip->frames - 1 are made, the rest are copies of the last row. *finite: are all features numbers? A clip of others
 * is failed: unreadable, with DESY_NOT_FINITE as reason, and what follows of its item counts as little as what follows a window that could not be read.
 * Of many clips: features/batches.h. */
int desy_extractor_extract(const struct desy_extractor *extractor, void *state, const struct desy_clip *clip, float *features, bool *finite);
/* The same, of the encoder's rows (T, its D). */
void desy_extractor_finish(const struct desy_extractor *extractor, void *state, const struct desy_clip *clip, const float *rows, float *features, bool *finite);
/* DESY_EUSAGE, with the reason, for a precision that this extractor does not stand. */
int desy_extractor_check_precision(const struct desy_extractor *extractor, enum desy_precision precision);

#endif
