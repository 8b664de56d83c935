/* Scores from HDF5: data sets of one dimension and equal length, id (text, or whole numbers), label (whole numbers or booleans) and score; source and group (text) if
 * there. Others are left alone. */
#ifndef DESY_FEATURES_SCORES_H5_H
#define DESY_FEATURES_SCORES_H5_H

#include <stdbool.h>

struct desy_h5_score {
    const char *id, *source, *group; /* borrowed for the call; "" where absent */
    int label;                       /* 0 or 1; 0 where they are not read */
    double score;                    /* NaN: none */
};

/* Calls `take` with each row of this rank's share of the rows (a contiguous one, in order), and passes on what it returns. Memory: of some thousand rows. Not collective.
 * labelled false: labels need not be there, and are not read. DESY_EDATA: not such a file; with the 1-based row: no id, a label other than 0 or 1, an infinite score. */
int desy_h5_scores_read(const char *path, bool labelled, int rank, int ranks, int (*take)(void *context, const struct desy_h5_score *row), void *context);

#endif
