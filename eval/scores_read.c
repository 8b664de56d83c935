/* Tables of scores from anybody: CSV, JSON Lines or a JSON array. */
#include "eval/scores.h"

#include "base/error.h"
#include "base/json.h"
#include "eval/csv.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum column { ID, LABEL, SCORE, SOURCE, GROUP, VIDEO_PATH, SPLIT, LOW, MID, HIGH, COLUMNS };
static const char *const column_names[COLUMNS] = {"id", "label", "score", "source", "group", "video_path", "split", "low", "mid", "high"};

/* Either kind of file, a row at a time. */
struct reader {
    const char *path;
    bool labelled;
    desy_csv *csv;
    desy_json_stream *json;
    cJSON *element;
    size_t columns;        /* of the header */
    int position[COLUMNS]; /* of each column, -1: none */
    char number[4][DESY_NUMBER_TEXT], label[DESY_NUMBER_TEXT], id[DESY_NUMBER_TEXT];
};

static long line_of(const struct reader *reader)
{
    return reader->csv ? desy_csv_line(reader->csv) : desy_json_stream_line(reader->json);
}

static void close_reader(struct reader *reader)
{
    desy_csv_close(&reader->csv);
    desy_json_stream_close(&reader->json);
    cJSON_Delete(reader->element);
    reader->element = NULL;
}

static int read_header(struct reader *reader)
{
    char **fields = NULL;
    int rc = desy_csv_next(reader->csv, &fields, &reader->columns);
    if (rc != DESY_OK) return rc;
    for (int c = 0; c < COLUMNS; c++) reader->position[c] = -1;
    for (size_t i = 0; i < reader->columns; i++)
        for (int c = 0; c < COLUMNS; c++) {
            if (strcmp(fields[i], column_names[c]) != 0) continue;
            if (reader->position[c] >= 0) return desy_error(DESY_EDATA, "%s:1: two columns are named %s", reader->path, fields[i]);
            reader->position[c] = (int)i;
        }
    for (int c = 0; c <= SCORE; c++)
        if (reader->position[c] < 0 && (c != LABEL || reader->labelled))
            return desy_error(DESY_EDATA, "%s:1: no column %s; the first line must name the columns, at least id,%sscore", reader->path, column_names[c], reader->labelled ? "label," : "");
    return DESY_OK;
}

static int open_reader(struct reader *reader, const char *path, bool labelled)
{
    *reader = (struct reader){.path = path, .labelled = labelled};
    if (fnmatch("*.json", path, FNM_CASEFOLD) == 0 || fnmatch("*.jsonl", path, FNM_CASEFOLD) == 0) return desy_json_stream_open(&reader->json, path);
    int rc = desy_csv_open(&reader->csv, path);
    return rc != DESY_OK ? rc : read_header(reader);
}

/* The next row as text: values[c] NULL where absent. *more: false at the end. */
static int next_csv(struct reader *reader, const char *values[COLUMNS], bool *more)
{
    char **fields = NULL;
    size_t n = 0;
    int rc = desy_csv_next(reader->csv, &fields, &n);
    if (rc != DESY_OK || !(*more = n > 0)) return rc;
    if (n != reader->columns)
        return desy_error(DESY_EDATA, "%s:%ld: %zu fields, but the header has %zu", reader->path, line_of(reader), n, reader->columns);
    for (int c = 0; c < COLUMNS; c++) values[c] = reader->position[c] < 0 ? NULL : fields[reader->position[c]];
    return DESY_OK;
}

static int next_json(struct reader *reader, const char *values[COLUMNS], bool *more)
{
    cJSON_Delete(reader->element);
    reader->element = NULL;
    int rc = desy_json_stream_next(reader->json, &reader->element);
    if (rc != DESY_OK || !(*more = reader->element != NULL)) return rc;
    if (!cJSON_IsObject(reader->element))
        return desy_error(DESY_EDATA, "%s:%ld: not an object; each row is {\"id\": ..., \"label\": ..., \"score\": ...}", reader->path, line_of(reader));
    for (int c = 0; c < COLUMNS; c++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(reader->element, column_names[c]);
        const bool number = c == LABEL || c == SCORE || c >= LOW;
        values[c] = NULL;
        if (!value || cJSON_IsNull(value)) continue;
        if (cJSON_IsNumber(value) && (number || c == ID)) {
            char *text = c == LABEL ? reader->label : c == ID ? reader->id : reader->number[c == SCORE ? 3 : c - LOW];
            values[c] = desy_number_text(text, value->valuedouble);
        } else if (cJSON_IsString(value) && !number)
            values[c] = value->valuestring;
        else
            return desy_error(DESY_EDATA, "%s:%ld: %s must be a %s", reader->path, line_of(reader), column_names[c], number ? "number" : "string");
    }
    return DESY_OK;
}

/* NULL or "" is NaN: none. */
static int parse_number(const struct reader *reader, double *value, const char *text, const char *name)
{
    char *end = NULL;
    *value = NAN;
    if (!text || !*text) return DESY_OK;
    *value = strtod(text, &end);
    if (end == text || end[strspn(end, " \t")] != '\0' || !isfinite(*value))
        return desy_error(DESY_EDATA, "%s:%ld: %s \"%s\" is not a finite number; leave it empty for a clip that has none", reader->path, line_of(reader), name, text);
    return DESY_OK;
}

static int next_row(struct reader *reader, struct desy_score_row *row, bool *more)
{
    const char *values[COLUMNS] = {NULL};
    int rc = reader->csv ? next_csv(reader, values, more) : next_json(reader, values, more);
    if (rc != DESY_OK || !*more) return rc;
    if (!values[ID] || !*values[ID]) return desy_error(DESY_EDATA, "%s:%ld: no id", reader->path, line_of(reader));
    const char *label = values[LABEL] ? values[LABEL] + strspn(values[LABEL], " \t") : "";
    if (reader->labelled && ((label[0] != '0' && label[0] != '1') || label[1 + strspn(label + 1, " \t")] != '\0'))
        return desy_error(DESY_EDATA, "%s:%ld: label \"%s\" of %s is not 0 (real) or 1 (AI-generated)", reader->path, line_of(reader), label, values[ID]);
    *row = (struct desy_score_row){.id = (char *)values[ID], .video_path = (char *)values[VIDEO_PATH], .source = (char *)values[SOURCE],
                                   .group = (char *)values[GROUP], .split = (char *)values[SPLIT], .label = reader->labelled ? label[0] - '0' : -1};
    DESY_TRY(parse_number(reader, &row->score, values[SCORE], "score"));
    for (int l = 0; l < 3; l++) DESY_TRY(parse_number(reader, &row->level[l], values[LOW + l], column_names[LOW + l]));
out:
    return rc;
}

/* *n gets the number of rows; those from first to first + count - 1 are kept. */
static int read_rows(struct desy_scores *scores, const char *path, bool labelled, uint64_t first, uint64_t count, uint64_t *n)
{
    struct reader reader;
    struct desy_score_row row;
    bool more = true;
    int rc = open_reader(&reader, path, labelled);
    for (*n = 0; rc == DESY_OK; (*n)++) {
        rc = next_row(&reader, &row, &more);
        if (rc != DESY_OK || !more) break;
        if (*n >= first && *n - first < count) rc = desy_scores_append(scores, &row);
    }
    close_reader(&reader);
    return rc;
}

int desy_scores_read(struct desy_scores *scores, const char *path, bool labelled, int rank, int ranks)
{
    uint64_t n = 0, first = 0, count = 0;
    int rc = read_rows(scores, path, labelled, 0, 0, &n);
    if (rc == DESY_OK && n == 0) rc = desy_error(DESY_EDATA, "%s: no rows", path);
    if (rc == DESY_OK) {
        desy_scores_share(n, rank, ranks, &first, &count);
        rc = read_rows(scores, path, labelled, first, count, &n);
    }
    if (rc != DESY_OK) desy_scores_close(scores);
    return rc;
}
