/* report.html: one file, no scripts, nothing from the network. What it says comes of metrics.json, but for the curves' points and what the model says of its training. Rank 0's business. */
#ifndef DESY_EVAL_PAGE_H
#define DESY_EVAL_PAGE_H

#include "eval/curves.h"
#include "eval/report.h"

#include <stdbool.h>
#include <stdio.h>

struct desy_page {
    const struct desy_report_options *options;
    const cJSON *json;                     /* metrics.json */
    const struct desy_curve_point *points; /* of the curves; NULL with one class alone */
    size_t n_points;
};

/* Writes report.html: self-contained, light and dark, for screens and paper. DESY_EENV: the disk. */
int desy_page_write(const struct desy_page *page);

/* ---- its parts, each in a file page_*.c ---- */

extern const char desy_page_style[];

/* Everything up to the body's first element. title: not yet escaped. */
void desy_page_begin(FILE *stream, const char *title);

/* What somebody reads who has a minute. */
void desy_page_summary(FILE *stream, const struct desy_page *page);
void desy_page_curves(FILE *stream, const struct desy_page *page);      /* ROC, precision and recall, DET, scores */
void desy_page_reliability(FILE *stream, const struct desy_page *page); /* the diagram */
void desy_page_learning(FILE *stream, const struct desy_page *page);    /* of the model's training */
/* Sections (page_failures.c). */
void desy_page_breakdown(FILE *stream, const struct desy_page *page);
void desy_page_controls(FILE *stream, const struct desy_page *page);
void desy_page_robustness(FILE *stream, const struct desy_page *page);
void desy_page_versus(FILE *stream, const struct desy_page *page);
/* A point with its interval for each row of `list` that has a number `key` and, as text, a `name`; at most 60. */
void desy_page_rows(FILE *stream, const char *title, const char *what, const char *axis, const cJSON *list, const char *name, const char *key, const char *css);

#endif
