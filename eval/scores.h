/* What is evaluated: a row a clip, each rank holding a contiguous share of the rows, in data-set order. */
#ifndef DESY_EVAL_SCORES_H
#define DESY_EVAL_SCORES_H

#include "eval/names.h"
#include "mpi/world.h"

/* One row, as it is given and shown. */
struct desy_score_row {
    const char *id, *video_path, *source, *group, *split; /* "" where absent */
    int label;       /* 0 real, 1 AI; read without labels: 0 */
    double score;    /* NaN: failed, without a score */
    double level[3]; /* low, mid, high; NaN: not computed */
};

/* A column of texts that repeat; one of which every text was empty so far takes no memory. */
struct desy_name_column {
    struct desy_names names; /* number 0 is "" */
    uint32_t *of;            /* [rows]; NULL: all empty */
};

/* Rows by column: some 20 bytes and the id for each. All zeros: empty. */
struct desy_scores {
    size_t n, allocated;
    double *score;    /* NaN: none */
    uint8_t *label;
    double *level[3]; /* NULL: all NaN */
    struct desy_texts id, video_path; /* paths: none as long as all are "" */
    struct desy_name_column source, group, split;
};

/* Row i; its texts are borrowed, until the next append. */
struct desy_score_row desy_scores_row(const struct desy_scores *scores, size_t i);

/* Appends a row with copies of the texts (NULL is ""). Not collective. DESY_EENV: memory. */
int desy_scores_append(struct desy_scores *scores, const struct desy_score_row *row);
void desy_scores_close(struct desy_scores *scores);

/* Rows first..first + count - 1 of n are rank's of `ranks`. */
void desy_scores_share(uint64_t n, int rank, int ranks, uint64_t *first, uint64_t *count);

/* Collective; agreed. Reads this rank's share of a table of scores with at least id, label and score; source, group, video_path, split, low, mid, high if there:
 *   FILE.jsonl   JSON Lines, an object a line; ranks read ranges of bytes
 *   FILE.json    a JSON array, which every rank reads whole
 *   FILE.h5      HDF5 with a data set a column (features/scores_h5.h); ranks read ranges of rows
 *   else         CSV (eval/csv.h) with a header; ranks read ranges of bytes
 * Other columns are left alone. An empty score (JSON: none, or null; HDF5: NaN) is a failed row. DESY_EDATA with file and line, the first of the file and the same at
 * any number of ranks: no id, one that an earlier row has, or a number of JSON from 2^53 on, a label other than 0 or 1, a score that is not a finite number, a row of another length, no column of
 * a needed name, no rows. labelled false: labels need not be there, and are not read. */
int desy_scores_read(desy_world *world, struct desy_scores *scores, const char *path, bool labelled);

#endif
