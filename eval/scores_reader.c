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

static int open_csv(desy_world *world, struct desy_score_reader *reader, uint64_t first, uint64_t count)
{
    uint64_t quotes = 0;
    int rc = DESY_OK;
    if (desy_size(world) > 1) rc = desy_text_count(reader->path, first, first + count, '"', &quotes);
    DESY_TRY(desy_agree(world, rc));
    const bool quoted = desy_prefix_i64(world, (int64_t)quotes) % 2 != 0;
    rc = desy_csv_open(&reader->csv, reader->path, first, first + count, quoted);
out:
    return rc;
}

/* *end: where the first line begins, behind a byte order mark. */
static int skip_mark(const char *path, uint64_t *end)
{
    struct desy_text_range range;
    const int rc = desy_text_open(&range, path, 0, 0);
    if (rc != DESY_OK) return rc;
    *end = strncmp(range.text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    desy_text_close(&range);
    return DESY_OK;
}

/* begin: of the first line of the file. */
static int open_lines(struct desy_score_reader *reader, uint64_t begin, uint64_t first, uint64_t count)
{
    struct desy_text_range *lines = &reader->lines;
    int rc = desy_text_open(lines, reader->path, first > begin ? first - 1 : first, first + count);
    if (first == begin || rc != DESY_OK) return rc;
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
    const bool lines = fnmatch("*.jsonl", path, FNM_CASEFOLD) == 0, array = !lines && fnmatch("*.json", path, FNM_CASEFOLD) == 0;
    uint64_t extent[2] = {0}, first, count; /* where rows begin and end: as rank 0 sees it, should the file change meanwhile */
    int rc = DESY_OK;
    *reader = (struct desy_score_reader){.path = path, .labelled = labelled};
    DESY_TRY(desy_agree(world, desy_rank(world) == 0 ? desy_text_size(path, &extent[1]) : DESY_OK));
    if (array) rc = desy_json_stream_open(&reader->elements, path);
    else if (!lines) rc = read_header(reader, &extent[0]);
    else if (desy_rank(world) == 0) rc = skip_mark(path, &extent[0]);
    DESY_TRY(desy_agree(world, rc));
    if (array) return DESY_OK;
    desy_broadcast(world, extent, sizeof extent, 0);
    if (extent[0] > extent[1]) DESY_TRY(desy_error(DESY_EDATA, "%s: has changed while it was read; run it again when it is written", path));
    desy_scores_share(extent[1] - extent[0], desy_rank(world), desy_size(world), &first, &count);
    first += extent[0];
    rc = lines ? open_lines(reader, extent[0], first, count) : open_csv(world, reader, first, count);
    rc = desy_agree(world, rc);
out:
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

/* Is it this digit, maybe as a float (1.0, as a column that once had gaps is written), and blanks? */
static bool is_digit_alone(const char *text)
{
    text += 1;
    if (*text == '.') text += 1 + strspn(text + 1, "0");
    return !text[strspn(text, " \t")];
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
    if (reader->labelled && ((label[0] != '0' && label[0] != '1') || (label[1] && !is_digit_alone(label))))
        return desy_error(DESY_EDATA, "%s:%ld: label \"%s\" of %s is not 0 (real) or 1 (AI-generated)", reader->path, desy_score_reader_line(reader), label, id);
    *row = (struct desy_score_row){.id = id, .video_path = values[DESY_VIDEO_PATH], .source = values[DESY_SOURCE], .group = values[DESY_GROUP], .split = values[DESY_SPLIT],
                                   .label = reader->labelled ? label[0] - '0' : 0};
    DESY_TRY(parse_number(reader, &row->score, values[DESY_SCORE], "score"));
    for (int l = 0; l < 3; l++) DESY_TRY(parse_number(reader, &row->level[l], values[DESY_LOW + l], desy_score_columns[DESY_LOW + l]));
out:
    return rc;
}
