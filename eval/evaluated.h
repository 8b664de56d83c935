/* The clips that have a score, with the numbers of their sources: what the breakdown and the controls are made of. */
#ifndef DESY_EVAL_EVALUATED_H
#define DESY_EVAL_EVALUATED_H

#include "eval/sort.h"
#include "eval/sources.h"

struct desy_evaluated {
    struct desy_sources sources;
    struct desy_ranked *clips; /* (n): this rank's, in the order of the rows; .source is sources.n where there is none */
    size_t *rows;              /* (n): of the scores */
    size_t n;
    uint64_t first_row;        /* rows of the ranks below: row i here is first_row + i of all */
    int64_t n_of[2];           /* [label]: over all ranks */
};

/* Collective; agreed. Caller closes, also after an error. DESY_EENV: memory. */
int desy_evaluated_open(desy_world *world, const struct desy_scores *scores, struct desy_evaluated *evaluated);
void desy_evaluated_close(struct desy_evaluated *evaluated);

/* Collective. counts (sources.n + 1, 2): clips of each source and label, the last those without; with a score >= threshold alone (-INFINITY: all). */
void desy_evaluated_count(desy_world *world, const struct desy_evaluated *evaluated, double threshold, int64_t *counts);

/* The sources with the most clips of a label, at least `least` (1 or more) each, ties by name: numbers[most], returns how many there are. Not collective. */
size_t desy_evaluated_largest(const struct desy_evaluated *evaluated, const int64_t *counts, int label, int64_t least, size_t most, uint32_t *numbers);

#endif
