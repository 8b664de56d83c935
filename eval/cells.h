/* Areas under the ROC curve of some AI-generated clips against some real ones, all of a matrix from one pass over the sorted scores: generators by real sources, strata,
 * seen and unseen sources. Whole numbers, so that any number of ranks gives the same bits. */
#ifndef DESY_EVAL_CELLS_H
#define DESY_EVAL_CELLS_H

#include "eval/sort.h"

#include <stdbool.h>

struct desy_cells_options {
    size_t keys;               /* .source of the clips lies in 0..keys; `keys`: none */
    const uint32_t *column[2]; /* [label] (keys + 1): to which column a key belongs; columns[label] and above: to none of its own. NULL: the key is the column */
    size_t columns[2];         /* [label] */
};

struct desy_cells {
    size_t keys, columns[2];
    struct desy_cell_key { int64_t n[2], twice[2]; } *of_key; /* (keys + 1): [label] clips, and twice the pairs with any clip of the other class that they rank right, ties half */
    int64_t *n[2];             /* [label] (columns + 1): clips; the last: all of that label, whatever their key */
    struct desy_cell {
        int64_t twice;         /* twice the pairs ranked right */
        int64_t squares[2][2]; /* [label]: of that sum by clips of the label the sum of squares, as low and high 32 bits */
    } *cells;                  /* (columns[1] + 1, columns[0] + 1) */
};

struct desy_auc {
    int64_t pos, neg;
    double auc, interval[2]; /* 95 %, over clips taken as independent */
    const char *method;      /* "DeLong" with 10 clips of either class or more and a variance, else "Newcombe"; static */
};
#define DESY_FEW 10

/* Collective; agreed. Time: clips x (columns[0] + columns[1]) / ranks. Caller closes, also after an error. DESY_EENV: memory. Fewer than 1.5e9 clips of a label. */
int desy_cells_open(desy_world *world, const struct desy_ranked *mine, size_t n, const struct desy_cells_options *options, struct desy_cells *cells);
void desy_cells_close(struct desy_cells *cells);

/* Of AI-generated clips of column `ai` against real ones of column `real`. False: there is no pair. Not collective. */
bool desy_cells_auc(const struct desy_cells *cells, size_t ai, size_t real, struct desy_auc *auc);
/* Of one key's clips of a label against all of the other class: the area alone (NaN: there is no pair), or with Newcombe's interval. False: there is no pair. */
double desy_cells_key_area(const struct desy_cells *cells, size_t key, int label);
bool desy_cells_key_auc(const struct desy_cells *cells, size_t key, int label, struct desy_auc *auc);

#endif
