/* JSON by cJSON, with what it leaves out: messages with file and line, duplicate keys refused, streaming. */
#ifndef DESY_BASE_JSON_H
#define DESY_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* Parses one whole document; trailing bytes and duplicate keys are errors (DESY_EDATA, with `name` and line;
 * for a duplicate key the line where the value begins). Caller deletes *json. */
int desy_json_parse(cJSON **json, const char *text, size_t size, const char *name);
/* The same for an element of a longer text: it began at `line`, as its 1-based `item`. */
int desy_json_parse_element(cJSON **json, const char *text, size_t size, const char *name, long line, long item);
int desy_json_read(cJSON **json, const char *path);

/* As text, without a newline at its end; new string, caller frees. Numbers read back as the same double (cJSON_Print's do not).
 * NaN or infinity: DESY_EUSAGE, with `name`. */
int desy_json_text(char **text, const cJSON *json, bool indented, const char *name);

/* The same to stdout, and a newline. Whether it arrived shows when stdout is flushed. */
int desy_json_print(const cJSON *json, bool indented, const char *name);

/* Written atomically, indented; doubles read back as the same double; NaN or infinity: DESY_EUSAGE (JSON has none). */
int desy_json_write(const cJSON *json, const char *path);

/* Typed members. `where` starts the message ("model.json: "). Missing or of another type: DESY_EDATA. */
int desy_json_string(const char **value, const cJSON *object, const char *key, const char *where); /* borrowed */
int desy_json_double(double *value, const cJSON *object, const char *key, const char *where);
int desy_json_integer(long long *value, const cJSON *object, const char *key, const char *where); /* exact, |v| <= 2^53 */

/* Members that need not be there. */
static inline const cJSON *desy_json_member(const cJSON *object, const char *key) { return cJSON_GetObjectItemCaseSensitive(object, key); } /* NULL: none */
double desy_json_number_of(const cJSON *object, const char *key);    /* NaN: none, or no number */
const char *desy_json_text_of(const cJSON *object, const char *key); /* borrowed; NULL: none, or no text */

/* Adds a copy of the value; of NULL nothing. false: no memory. */
bool desy_json_add_copy(cJSON *object, const char *key, const cJSON *value);

/* A double so that it reads back as the same double, shortest of %.15g, %.16g, %.17g. */
#define DESY_NUMBER_TEXT 32
const char *desy_number_text(char text[DESY_NUMBER_TEXT], double value);

/* The elements of a JSON array, or of JSON Lines, one at a time: memory of one element, never of the file. */
typedef struct desy_json_stream desy_json_stream;
int desy_json_stream_open(desy_json_stream **stream, const char *path);
/* *element: new, caller deletes; NULL at the end. Errors name file, line and item (1-based). */
int desy_json_stream_next(desy_json_stream *stream, cJSON **element);
/* Where the last element began. */
long desy_json_stream_line(const desy_json_stream *stream);
long desy_json_stream_item(const desy_json_stream *stream);
void desy_json_stream_close(desy_json_stream **stream);

#endif
