/* Inside the breakdown: its figures, and how they are written. */
#ifndef DESY_EVAL_BREAKDOWN_TABLE_H
#define DESY_EVAL_BREAKDOWN_TABLE_H

#include "eval/breakdown.h"
#include "eval/cells.h"

struct desy_breakdown {
    const struct desy_sources *sources;
    const int64_t *counts, *called;             /* (sources->n + 1, 2): clips by source and label; those at the threshold or above */
    uint32_t listed[2][DESY_BREAKDOWN_MOST];    /* [label] the largest sources, which have a column each */
    size_t n_listed[2];
    size_t n_sources[2];                        /* [label] all that there are */
    const uint32_t *column[2];                  /* [label] (sources->n + 1) */
    struct desy_cells cells;
};

/* One source against all of the other class, in the best way at hand: DeLong's where it has a column. False: there is no pair. */
bool desy_breakdown_source_auc(const struct desy_breakdown *breakdown, size_t source, int label, struct desy_auc *auc);
/* An area whose interval lies below .5. */
bool desy_breakdown_is_inverted(const struct desy_auc *auc);

/* Rank 0. */
int desy_breakdown_json(const struct desy_breakdown *breakdown, cJSON *json);
int desy_breakdown_csv(const struct desy_breakdown *breakdown, const char *directory);

#endif
