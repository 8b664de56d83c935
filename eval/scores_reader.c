#include "eval/scores_reader.h"

#include "base/decimal.h"
#include "base/error.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>

const char *const desy_score_columns[DESY_SCORE_COLUMNS] = {"id", "label", "score", "source", "group", "video_path", "split", "low", "mid", "high"};

void desy_score_reader_close(struct desy_score_reader *reader)
{
    desy_csv_close(&reader->csv);
    desy_text_close(&reader->lines);
    desy_json_stream_close(&reader->elements);
    cJSON_Delete(reader->object);
    *reader = (struct desy_score_reader){0};
}

long desy_score_reader_line(const struct desy_score_reader *reader)
{
    return reader->elements ? desy_json_stream_line(reader->elements) : desy_text_line(reader->path, reader->offset);
}

/* *end: where the first row begins. */
static int read_header(struct desy_score_reader *reader, uint64_t *end)
{
    char **fields = NULL;
    int rc = DESY_OK;
    DESY_TRY(desy_csv_open(&reader->csv, reader->path, 0, UINT64_MAX, false));
    DESY_TRY(desy_csv_next(reader->csv, &fields, &reader->fields));
    for (int c = 0; c < DESY_SCORE_COLUMNS; c++) reader->position[c] = -1;
    for (size_t i = 0; i < reader->fields; i++)
        for (int c = 0; c < DESY_SCORE_COLUMNS; c++) {
            if (strcmp(fields[i], desy_score_columns[c]) != 0) continue;
            if (reader->position[c] >= 0) DESY_TRY(desy_error(DESY_EDATA, "%s:1: two columns are named %s", reader->path, fields[i]));
            reader->position[c] = (int)i;
        }
    for (int c = 0; c <= DESY_SCORE; c++)
        if (reader->position[c] < 0 && (c != DESY_LABEL || reader->labelled))
            DESY_TRY(desy_error(DESY_EDATA, "%s:1: no column %s; the first line must name the columns, at least id,%sscore", reader->path, desy_score_columns[c], reader->labelled ? "label," : ""));
    *end = desy_csv_end(reader->csv);
out:
    desy_csv_close(&reader->csv);
    return rc;
}

static int open_csv(desy_world *world, struct desy_score_reader *reader, uint64_t size)
{
    uint64_t begin = 0, first, count, quotes = 0;
    int rc = DESY_OK;
    DESY_TRY(desy_agree(world, read_header(reader, &begin)));
    desy_scores_share(size - begin, desy_rank(world), desy_size(world), &first, &count);
    first += begin;
    if (desy_size(world) > 1) rc = desy_text_count(reader->path, first, first + count, '"', &quotes);
    DESY_TRY(desy_agree(world, rc));
    const bool quoted = desy_prefix_i64(world, (int64_t)quotes) % 2 != 0;
    rc = desy_csv_open(&reader->csv, reader->path, first, first + count, quoted);
out:
    return rc;
}

static int open_lines(desy_world *world, struct desy_score_reader *reader, uint64_t size)
{
    uint64_t first, count;
    struct desy_text_range *lines = &reader->lines;
    desy_scores_share(size, desy_rank(world), desy_size(world), &first, &count);
    int rc = desy_text_open(lines, reader->path, first > 0 ? first - 1 : 0, first + count);
    if (first == 0 || rc != DESY_OK) {
        if (rc == DESY_OK && strncmp(lines->text, "\xef\xbb\xbf", 3) == 0) lines->at = 3;
        return rc;
    }
    for (;;) { /* a line begins at `first` if one ends before it */
        const char *end = memchr(lines->text + lines->at, '\n', lines->used - lines->at);
        lines->at = end ? (size_t)(end + 1 - lines->text) : lines->used;
        if (end || lines->ended) return DESY_OK;
        DESY_TRY(desy_text_more(lines));
    }
out:
    return rc;
}

int desy_score_reader_open(desy_world *world, struct desy_score_reader *reader, const char *path, bool labelled)
{
    uint64_t size = 0;
    *reader = (struct desy_score_reader){.path = path, .labelled = labelled};
    int rc = desy_agree(world, desy_text_size(path, &size));
    if (rc != DESY_OK) return rc;
    if (fnmatch("*.jsonl", path, FNM_CASEFOLD) == 0) rc = open_lines(world, reader, size);
    else if (fnmatch("*.json", path, FNM_CASEFOLD) == 0) rc = desy_json_stream_open(&reader->elements, path);
    else rc = open_csv(world, reader, size);
    rc = desy_agree(world, rc);
    if (rc != DESY_OK) desy_score_reader_close(reader);
    return rc;
}

/* The next row as text: values[c] NULL where absent. */
static int next_csv(struct desy_score_reader *reader, const char *values[DESY_SCORE_COLUMNS], bool *more)
{
    char **fields = NULL;
    size_t n = 0;
    int rc = desy_csv_next(reader->csv, &fields, &n);
    if (rc != DESY_OK || !(*more = n > 0)) return rc;
    reader->offset = desy_csv_offset(reader->csv);
    if (n != reader->fields)
        return desy_error(DESY_EDATA, "%s:%ld: %zu fields, but the header has %zu", reader->path, desy_score_reader_line(reader), n, reader->fields);
    for (int c = 0; c < DESY_SCORE_COLUMNS; c++) values[c] = reader->position[c] < 0 ? NULL : fields[reader->position[c]];
    return DESY_OK;
}

/* NULL or "" is NaN: none. */
static int parse_number(const struct desy_score_reader *reader, double *value, const char *text, const char *name)
{
    *value = NAN;
    if (!text || !*text || desy_decimal(text, value)) return DESY_OK;
    return desy_error(DESY_EDATA, "%s:%ld: %s \"%s\" is not a finite number, and nothing else can be ranked; leave it empty for a clip that has none", reader->path,
                      desy_score_reader_line(reader), name, text);
}

int desy_score_reader_next(struct desy_score_reader *reader, struct desy_score_row *row, bool *more)
{
    const char *values[DESY_SCORE_COLUMNS] = {NULL};
    int rc = reader->csv ? next_csv(reader, values, more) : desy_score_json_next(reader, values, more);
    if (rc != DESY_OK || !*more) return rc;
    const char *id = values[DESY_ID], *label = values[DESY_LABEL] ? values[DESY_LABEL] : "";
    if (!id || !*id) return desy_error(DESY_EDATA, "%s:%ld: no id", reader->path, desy_score_reader_line(reader));
    if (label[0] == ' ' || label[0] == '\t') label += strspn(label, " \t");
    if (reader->labelled && ((label[0] != '0' && label[0] != '1') || (label[1] && label[1 + strspn(label + 1, " \t")])))
        return desy_error(DESY_EDATA, "%s:%ld: label \"%s\" of %s is not 0 (real) or 1 (AI-generated)", reader->path, desy_score_reader_line(reader), label, id);
    *row = (struct desy_score_row){.id = id, .video_path = values[DESY_VIDEO_PATH], .source = values[DESY_SOURCE], .group = values[DESY_GROUP], .split = values[DESY_SPLIT],
                                   .label = reader->labelled ? label[0] - '0' : 0};
    DESY_TRY(parse_number(reader, &row->score, values[DESY_SCORE], "score"));
    for (int l = 0; l < 3; l++) DESY_TRY(parse_number(reader, &row->level[l], values[DESY_LOW + l], desy_score_columns[DESY_LOW + l]));
out:
    return rc;
}
