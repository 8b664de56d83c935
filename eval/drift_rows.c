#include "eval/drift_rows.h"

#include "base/decimal.h"
#include "base/error.h"
#include "base/json.h"
#include "eval/csv.h"
#include "eval/forecast.h"
#include "eval/timestamp.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const desy_drift_score_names[DESY_DRIFT_SCORES] = {"logit", "low", "mid", "high"};

enum column { LOGIT, LOW, MID, HIGH, CONFIDENCE, SCORE, PRIOR, SOURCE, TIME, STATUS, MODEL, COLUMNS };
static const char *const names[COLUMNS] = {"logit", "low", "mid", "high", "confidence", "score", "prior", "source", "time", "status", "model"};

int desy_drift_rows_append(struct desy_drift_rows *rows, const struct desy_drift_row *row, const char *source, const double *features)
{
    int rc = DESY_OK;
    if (isnan(row->score[DESY_DRIFT_LOGIT])) {
        rows->failed++;
        return DESY_OK;
    }
    if (rows->n == rows->room) {
        const size_t room = 2 * rows->room + 256;
        struct desy_drift_row *larger = realloc(rows->rows, room * sizeof *larger);
        if (larger) rows->rows = larger;
        double *more = larger && rows->columns ? realloc(rows->features, room * rows->columns * sizeof *more) : NULL;
        if (more) rows->features = more;
        if (!larger || (rows->columns && !more)) return desy_error_memory("scores");
        rows->room = room;
    }
    if (rows->sources.texts.n == 0) DESY_TRY(desy_names_add(&rows->sources, "", &(uint32_t){0}));
    rows->rows[rows->n] = *row;
    DESY_TRY(desy_names_add(&rows->sources, source ? source : "", &rows->rows[rows->n].source));
    if (rows->columns) memcpy(rows->features + rows->n * rows->columns, features, rows->columns * sizeof *features);
    rows->timed += !isnan(row->time);
    rows->n++;
out:
    return rc;
}

void desy_drift_rows_close(struct desy_drift_rows *rows)
{
    desy_names_close(&rows->sources);
    desy_names_close(&rows->models);
    free(rows->rows);
    free(rows->features);
    *rows = (struct desy_drift_rows){0};
}

struct place {
    const char *path, *unit; /* "line" or "row" */
    long number;
};

/* "" and NULL are NaN. */
static int take_number(const struct place *place, const char *const values[COLUMNS], enum column column, bool probability, double *value)
{
    *value = NAN;
    if (!values[column] || !*values[column]) return DESY_OK;
    if (!desy_decimal(values[column], value)) return desy_error(DESY_EDATA, "%s: %s %ld: %s is \"%.40s\", which is not a finite number", place->path, place->unit, place->number, names[column], values[column]);
    if (probability && !(*value >= 0 && *value <= 1))
        return desy_error(DESY_EDATA, "%s: %s %ld: %s is %s, where a probability from 0 to 1 is needed (what is not one goes into `logit`)", place->path, place->unit, place->number, names[column], values[column]);
    return DESY_OK;
}

static int take_logit(const struct place *place, const char *const values[COLUMNS], double *logit)
{
    double prior = .5, value = NAN;
    int rc = DESY_OK;
    DESY_TRY(take_number(place, values, LOGIT, false, logit));
    if (!isnan(*logit)) return DESY_OK;
    DESY_TRY(take_number(place, values, PRIOR, true, &prior));
    if (isnan(prior)) prior = .5;
    if (prior <= 0 || prior >= 1) return desy_error(DESY_EDATA, "%s: %s %ld: a prior of %g, where 0 < prior < 1", place->path, place->unit, place->number, prior);
    DESY_TRY(take_number(place, values, CONFIDENCE, true, &value));
    if (!isnan(value)) *logit = desy_logit(value) - desy_logit(prior);
    else {
        DESY_TRY(take_number(place, values, SCORE, true, &value));
        if (!isnan(value)) *logit = desy_logit(value);
    }
out:
    return rc;
}

static int take_row(struct desy_drift_rows *rows, const struct place *place, const char *const values[COLUMNS])
{
    struct desy_drift_row row = {.score = {NAN, NAN, NAN, NAN}, .time = NAN};
    double level;
    int rc = DESY_OK;
    if (!values[STATUS] || !*values[STATUS] || strcmp(values[STATUS], "ok") == 0) {
        DESY_TRY(take_logit(place, values, &row.score[DESY_DRIFT_LOGIT]));
        for (int l = 0; l < 3; l++) {
            DESY_TRY(take_number(place, values, (enum column)(LOW + l), true, &level));
            if (!isnan(level)) row.score[DESY_DRIFT_LOW + l] = desy_logit(level);
        }
    }
    if (values[TIME] && *values[TIME] && !desy_timestamp_parse(values[TIME], &row.time))
        return desy_error(DESY_EDATA, "%s: %s %ld: the time \"%.40s\" is neither ISO 8601 (2026-03-01T12:30:00Z) nor seconds since 1970", place->path, place->unit, place->number, values[TIME]);
    if (values[MODEL] && *values[MODEL]) DESY_TRY(desy_names_add(&rows->models, values[MODEL], &(uint32_t){0}));
    rc = desy_drift_rows_append(rows, &row, values[SOURCE], NULL);
out:
    return rc;
}

/* A member as text; room: for numbers. NULL: none. */
static int take_member(const struct place *place, const cJSON *object, enum column column, char *room, const char **value)
{
    const cJSON *member = desy_json_member(object, names[column]);
    if (!member && column >= LOW && column <= HIGH) member = desy_json_member(desy_json_member(object, "feature_scores"), names[column]);
    *value = NULL;
    if (!member || cJSON_IsNull(member)) return DESY_OK;
    const bool text = column >= SOURCE;
    if (cJSON_IsNumber(member) && (!text || column == TIME)) *value = desy_number_text(room, member->valuedouble);
    else if (cJSON_IsString(member) && text) *value = member->valuestring;
    else return desy_error(DESY_EDATA, "%s: line %ld: %s must be a %s", place->path, place->number, names[column], text ? "string" : "number");
    return DESY_OK;
}

static int read_json(struct desy_drift_rows *rows, const char *path)
{
    desy_json_stream *stream = NULL;
    cJSON *object = NULL;
    char numbers[COLUMNS][DESY_NUMBER_TEXT];
    const char *values[COLUMNS];
    int rc = DESY_OK;
    DESY_TRY(desy_json_stream_open(&stream, path));
    for (;;) {
        cJSON_Delete(object);
        object = NULL;
        DESY_TRY(desy_json_stream_next(stream, &object));
        if (!object) break;
        const struct place place = {path, "line", desy_json_stream_line(stream)};
        if (!cJSON_IsObject(object)) DESY_TRY(desy_error(DESY_EDATA, "%s: line %ld: not an object; each row is one, as desy batch writes them", path, place.number));
        for (int c = 0; c < COLUMNS; c++) DESY_TRY(take_member(&place, object, (enum column)c, numbers[c], &values[c]));
        DESY_TRY(take_row(rows, &place, values));
    }
out:
    cJSON_Delete(object);
    desy_json_stream_close(&stream);
    return rc;
}

static int read_csv(struct desy_drift_rows *rows, const char *path)
{
    desy_csv *csv = NULL;
    char **fields = NULL;
    const char *values[COLUMNS];
    size_t n = 0, header = 0;
    int position[COLUMNS], rc = DESY_OK;
    memset(position, -1, sizeof position);
    DESY_TRY(desy_csv_open(&csv, path, 0, UINT64_MAX, false));
    DESY_TRY(desy_csv_next(csv, &fields, &header));
    for (size_t i = 0; i < header; i++)
        for (int c = 0; c < COLUMNS; c++)
            if (position[c] < 0 && strcmp(fields[i], names[c]) == 0) position[c] = (int)i;
    if (position[LOGIT] < 0 && position[CONFIDENCE] < 0 && position[SCORE] < 0)
        DESY_TRY(desy_error(DESY_EDATA, "%s: no column logit, confidence or score in the first line", path));
    for (struct place place = {path, "row", 1};; place.number++) {
        DESY_TRY(desy_csv_next(csv, &fields, &n));
        if (n == 0) break;
        if (n != header) DESY_TRY(desy_error(DESY_EDATA, "%s: row %ld: %zu fields, but the header has %zu", path, place.number, n, header));
        for (int c = 0; c < COLUMNS; c++) values[c] = position[c] < 0 ? NULL : fields[position[c]];
        DESY_TRY(take_row(rows, &place, values));
    }
out:
    desy_csv_close(&csv);
    return rc;
}

int desy_drift_rows_read(struct desy_drift_rows *rows, const char *path)
{
    const bool json = fnmatch("*.jsonl", path, FNM_CASEFOLD) == 0 || fnmatch("*.json", path, FNM_CASEFOLD) == 0;
    const int rc = json ? read_json(rows, path) : read_csv(rows, path);
    if (rc != DESY_OK) return rc;
    if (rows->n + rows->failed == 0) return desy_error(DESY_EDATA, "%s: no rows", path);
    if (rows->n == 0) return desy_error(DESY_EDATA, "%s: none of its %zu rows has a score (logit, confidence or score): there is nothing to compare", path, rows->failed);
    return DESY_OK;
}
