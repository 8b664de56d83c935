/* The figures of the protocol `lodo` (docs/evaluation.md): from every cell's scores to JSON and a table for people. */
#ifndef DESY_EVAL_LODO_H
#define DESY_EVAL_LODO_H

#include "mpi/world.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

struct desy_lodo {
    desy_world *alone;            /* of this process: the figures are one rank's */
    size_t items;
    const uint8_t *labels;        /* (items) */
    const char *const *paths;     /* (items): of the videos */
    const size_t *sources;        /* (items): numbers of names; a source with clips of both labels counts as two */
    const char *const *names;     /* (n_sources) */
    size_t n_sources;
    int cells;                    /* AI sources x groups of real sources */
    int views;                    /* 0: clips as they are; augmented ones from 1 on */
    const char *const *kinds;     /* (n_kinds): what is scored: "fused" first, calibrated logits */
    int n_kinds, metadata;        /* which of them is the probe on metadata */
    double *scores;               /* (n_kinds, views, cells, items); NaN: see eval/pairs.h */
    const double *thresholds;     /* (cells): on the probability, chosen in each cell on what it was trained on */
    const uint64_t *packaging;    /* (items): equal for clips of one codec, container, muxer, frame rate and duration */
    const size_t *neighbours;     /* (items, n_neighbours): of an AI-generated clip the real ones that look most like it */
    int n_neighbours;
    const double *real_against_real; /* (n_halves): areas under the curve */
    int n_halves;
    uint64_t seed;
};

/* *json new, caller deletes. Not collective. DESY_EENV: memory; DESY_EDATA: no pair was scored. */
int desy_lodo_figures(const struct desy_lodo *lodo, cJSON **json);
/* The same in words, a few lines; new, caller frees. */
int desy_lodo_table(const cJSON *json, char **text);
/* A CSV with a row for every clip of every view in every cell that left it out, and its logits: fused, of the levels, of the probe on metadata. Any
 * other subset of pairs can be counted from it. Written atomically. DESY_EENV. */
int desy_lodo_write_folds(const struct desy_lodo *lodo, const char *path);

#endif
