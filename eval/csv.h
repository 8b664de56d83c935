/* CSV as RFC 4180 has it: quoted fields, doubled quotes, line ends of either kind; a byte order mark is skipped. */
#ifndef DESY_EVAL_CSV_H
#define DESY_EVAL_CSV_H

#include <stddef.h>
#include <stdio.h>

typedef struct desy_csv desy_csv;

/* DESY_EDATA: can't be read. */
int desy_csv_open(desy_csv **csv, const char *path);
/* The next record; *n 0 at the end. Blank lines are skipped. fields[n]: borrowed until the next call. DESY_EDATA with file and
 * line: a quote left open, or one inside a field. */
int desy_csv_next(desy_csv *csv, char ***fields, size_t *n);
long desy_csv_line(const desy_csv *csv); /* where the last record began, 1-based */
void desy_csv_close(desy_csv **csv);     /* NULL-safe */

/* Writes a field, quoted if it has to be. */
void desy_csv_put(FILE *stream, const char *field);

#endif
