/* Scores from HDF5: data sets of one dimension and equal length, id (text, or whole numbers), label (numbers 0 and 1, or booleans) and score; source and group (text) if
 * there. Others are left alone. Nothing is read from other files that the file names: links to them, external or virtual values are refused. */
#ifndef DESY_FEATURES_SCORES_H5_H
#define DESY_FEATURES_SCORES_H5_H

#include <stdbool.h>
#include <stdint.h>

typedef struct desy_h5_scores desy_h5_scores;

struct desy_h5_score {
    const char *id, *source, *group; /* borrowed for the call; "" where absent */
    int label;                       /* 0 or 1; 0 where they are not read */
    double score;                    /* NaN: none */
};

/* Opens a file of *rows rows; caller closes. labelled false: labels need not be there, and are not read. Not collective. DESY_EDATA: not such a file, or a data set that
 * has rows but no values; DESY_EENV: memory. */
int desy_h5_scores_open(desy_h5_scores **file, const char *path, bool labelled, uint64_t *rows);
/* Calls `take` with rows first to first + count - 1 in order, and passes on what it returns. Memory: of some thousand rows, at most 64 MiB a column (or one value). Not
 * collective. DESY_EDATA: can't be read; with the 1-based row: no id, a label other than 0 or 1, an infinite score. */
int desy_h5_scores_read(desy_h5_scores *file, uint64_t first, uint64_t count, int (*take)(void *context, const struct desy_h5_score *row), void *context);
void desy_h5_scores_close(desy_h5_scores **file); /* NULL-safe */

#endif
