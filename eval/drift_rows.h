/* What is compared with a model's reference: scores of any number of clips, as desy batch or anybody wrote them, or of a store, then with summaries of their features. */
#ifndef DESY_EVAL_DRIFT_ROWS_H
#define DESY_EVAL_DRIFT_ROWS_H

#include "eval/names.h"

#include <stdint.h>

/* Calibrated logits at prior .5. */
enum desy_drift_score { DESY_DRIFT_LOGIT, DESY_DRIFT_LOW, DESY_DRIFT_MID, DESY_DRIFT_HIGH, DESY_DRIFT_SCORES };
extern const char *const desy_drift_score_names[DESY_DRIFT_SCORES]; /* "logit", "low", "mid", "high" */

struct desy_drift_row {
    double score[DESY_DRIFT_SCORES]; /* NaN: not known; .score[0] NaN: the clip failed */
    double time;                     /* seconds since 1970; NaN: not known */
    uint32_t source;                 /* number in `sources`, 0: none */
};

/* All zeros: empty. */
struct desy_drift_rows {
    struct desy_drift_row *rows; /* (n): those with a score */
    size_t n, room;
    size_t failed, timed;        /* without a score; of the n those with a time */
    struct desy_names sources;   /* number 0 is "" */
    struct desy_names models;    /* that rows say they are of */
    double *features;            /* (n, columns), NaN where there is none; NULL: no features */
    size_t columns;
};

/* DESY_EENV: memory. A row without a logit counts as failed. features: (columns), copied; NULL where rows->columns is 0. */
int desy_drift_rows_append(struct desy_drift_rows *rows, const struct desy_drift_row *row, const char *source, const double *features);
void desy_drift_rows_close(struct desy_drift_rows *rows);

/* Not collective. Appends the rows of a table: FILE.jsonl or .json (objects), else CSV with a header. Of each: `logit`, or else `confidence` (with `prior`, .5), or else `score`, a probability in [0, 1];
 * `low`, `mid`, `high` (of desy batch: within `feature_scores`), `source`, `time` (eval/timestamp.h), `model`; a `status` other than ok, or no score at all, is a failed clip. All else is left alone.
 * DESY_EDATA with file and line: can't be read, a number that is none, no column with scores, no rows. */
int desy_drift_rows_read(struct desy_drift_rows *rows, const char *path);

#endif
