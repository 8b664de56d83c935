/* What is evaluated: a row a clip, each rank holding a contiguous share of the rows, in data-set order. */
#ifndef DESY_EVAL_SCORES_H
#define DESY_EVAL_SCORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct desy_score_row {
    char *id, *video_path, *source, *group, *split; /* owned by the row; "" where absent */
    int label;       /* 0 real, 1 AI; -1: read without labels */
    double score;    /* NaN: failed, without a score */
    double level[3]; /* low, mid, high; NaN: not computed */
};

struct desy_scores {
    struct desy_score_row *rows;
    size_t n, allocated;
};

/* Appends a row with copies of the strings (NULL is ""). Not collective. DESY_EENV: memory. */
int desy_scores_append(struct desy_scores *scores, const struct desy_score_row *row);
void desy_scores_close(struct desy_scores *scores);

/* Rows first..first + count - 1 of n are rank's of `ranks`. */
void desy_scores_share(uint64_t n, int rank, int ranks, uint64_t *first, uint64_t *count);

/* Reads the share of `rank` of a table of scores: FILE.jsonl (or .json, an array), else CSV (RFC 4180: quotes, CRLF; a byte
 * order mark is skipped) with a header that names at least id, label, score; source, group, video_path, split, low, mid, high
 * if there. Other columns are left alone. An empty score (JSON: none, or null) is a failed row. Not collective: every rank reads the file, twice,
 * keeps its share, and finds the same errors. DESY_EDATA with file and line: a label other than 0 or 1, a score that is not
 * a finite number, a row of another length, no column of a needed name, no rows. labelled false: labels need not be there, and are not read. */
int desy_scores_read(struct desy_scores *scores, const char *path, bool labelled, int rank, int ranks);

#endif
