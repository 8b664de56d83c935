/* Pairs of an AI-generated and a real clip, each scored once, by the model that saw neither of their sources (the protocol `lodo`). */
#ifndef DESY_EVAL_PAIRS_H
#define DESY_EVAL_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct desy_pairs {
    size_t items;
    const uint8_t *labels;  /* (items) */
    const size_t *sources;  /* (items): numbers, 0..n_sources - 1; an item of either label has a source of its own label */
    size_t n_sources;
    int cells;              /* models */
    double *scores;         /* (cells, items): NaN where the model saw the source, or the clip could not be read */
    struct desy_pair_row { double score; size_t item; } *rows; /* those that are scored, ascending in each cell */
    size_t *first;          /* (cells + 1): into rows */
};

/* scores (cells, items) are borrowed; the rest as above. DESY_EENV: memory. */
int desy_pairs_open(struct desy_pairs *pairs, double *scores, int cells, size_t items, const uint8_t *labels, const size_t *sources, size_t n_sources);
void desy_pairs_close(struct desy_pairs *pairs);

/* Weighted number of pairs, and of those in which the AI-generated clip has the higher score (ties count half): weights (items), NULL: 1. */
void desy_pairs_count(const struct desy_pairs *pairs, const double *weights, double *right, double *all);
/* right / all; NaN: no pair. */
double desy_pairs_share(const struct desy_pairs *pairs, const double *weights);

/* 95 % percentile interval of 1000 draws with replacement: of clips within their sources, or of whole sources (those of each label apart).
 * weights as above. */
enum desy_pairs_unit { DESY_PAIRS_CLIPS, DESY_PAIRS_SOURCES };
int desy_pairs_interval(const struct desy_pairs *pairs, const double *weights, enum desy_pairs_unit unit, uint64_t seed, double interval[2]);

#endif
