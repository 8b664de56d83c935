/* CSV as RFC 4180 has it: quoted fields, doubled quotes, line ends of either kind; a byte order mark is skipped. Any range of a file can be read alone. */
#ifndef DESY_EVAL_CSV_H
#define DESY_EVAL_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct desy_csv desy_csv;

/* The records that begin in bytes from..to - 1 of the file. `quoted`: `from` lies within quotes, as it does where the number of quotes before it is odd: what
 * speculative parsers guess (Ge et al., SIGMOD 2019) is counted here (desy_text_count). An error in the quotes makes that wrong behind it, never before: the first
 * error of the first range is the file's. DESY_EDATA: can't be read; DESY_EENV: memory. */
int desy_csv_open(desy_csv **csv, const char *path, uint64_t from, uint64_t to, bool quoted);
/* The next record; *n 0 at the end. Blank lines are skipped. fields[n]: borrowed until the next call. DESY_EDATA with file and
 * line: a quote left open, or one inside a field; more than 100,000 fields. */
int desy_csv_next(desy_csv *csv, char ***fields, size_t *n);
uint64_t desy_csv_offset(const desy_csv *csv); /* where in the file the last record began */
uint64_t desy_csv_end(const desy_csv *csv);    /* and where it ended, its line end included */
void desy_csv_close(desy_csv **csv);           /* NULL-safe */

/* Writes a field, quoted if it has to be. */
void desy_csv_put(FILE *stream, const char *field);
/* From now on fields that begin with = + - @, a tab or a carriage return get a ' before them, as spreadsheets run them as formulas. Of the whole process. */
void desy_csv_neutralise(bool on);

#endif
