/* Text, numbers and tables of a page. What comes from outside (names of files and sources) goes through desy_html_put alone. Failures stay with the stream. */
#ifndef DESY_EVAL_HTML_H
#define DESY_EVAL_HTML_H

#include <cjson/cJSON.h>
#include <stdio.h>

/* Text with &, <, > and quotes as entities; bytes that no page may hold (controls, broken UTF-8) as U+FFFD. */
void desy_html_put(FILE *stream, const char *text);
/* Four digits behind the point, the full number on hover; whole numbers and short ones as they are. */
void desy_html_number(FILE *stream, double value);
/* "93.4 %". */
void desy_html_percent(FILE *stream, double share);
/* "0.93 (0.90 to 0.96)" of object.key and object.key_ci; nothing where there is no number. */
void desy_html_with_interval(FILE *stream, const cJSON *object, const char *key);

/* A box with a list of sentences; nothing where there are none. */
void desy_html_notes(FILE *stream, const cJSON *notes);

/* A picture that is a file in the directory, as part of the page; nothing where it can't be read. alternative: what those who can't see it are told. */
void desy_html_jpeg(FILE *stream, const char *directory, const char *name, const char *alternative);

/* A table's column: a member of each row, or the row's own name. */
enum desy_html_kind { DESY_HTML_TEXT, DESY_HTML_NUMBER, DESY_HTML_PERCENT, DESY_HTML_INTERVAL, DESY_HTML_NAME };
struct desy_html_column {
    const char *key, *title;
    enum desy_html_kind kind;
};
/* Rows are the members or elements of `list`. Columns that no row has a value for are left out. columns end with a NULL title. */
void desy_html_table(FILE *stream, const cJSON *list, const char *caption, const struct desy_html_column *columns);
/* A table that is moved sideways where it is too wide, by keys too; ends with </table></div>. caption: escaped. */
void desy_html_table_begin(FILE *stream, const char *caption);
/* Any value: objects of one shape as a table with a column for each member, other objects as a table of members. */
void desy_html_value(FILE *stream, const cJSON *value);

#endif
