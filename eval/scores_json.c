/* Scores as JSON: objects on lines of their own, or in an array. */
#include "eval/scores_reader.h"

#include "base/error.h"

#include <math.h>
#include <string.h>

/* The object of the next line that is not blank; NULL at the end. */
static int next_line(struct desy_score_reader *reader)
{
    struct desy_text_range *lines = &reader->lines;
    int rc = DESY_OK;
    for (;;) {
        char *begin = lines->text + lines->at, *end = memchr(begin, '\n', lines->used - lines->at);
        if (!end && !lines->ended) {
            DESY_TRY(desy_text_more(lines));
            continue;
        }
        reader->offset = lines->offset + lines->at;
        const size_t size = end ? (size_t)(end - begin) : lines->used - lines->at;
        if (reader->offset >= lines->to || (size == 0 && !end)) return DESY_OK;
        lines->at += size + (end != NULL);
        begin[size] = '\0';
        if (begin[strspn(begin, " \t\r")] == '\0' && strlen(begin) == size) continue; /* blank */
        rc = desy_json_parse_element(&reader->object, begin, size, reader->path, 1, 0);
        if (rc == DESY_EDATA) rc = desy_json_parse_element(&reader->object, begin, size, reader->path, desy_score_reader_line(reader), 0); /* the same, now with its line */
        return rc;
    }
out:
    return rc;
}

int desy_score_json_next(struct desy_score_reader *reader, const char *values[DESY_SCORE_COLUMNS], bool *more)
{
    cJSON_Delete(reader->object);
    reader->object = NULL;
    const int rc = reader->elements ? desy_json_stream_next(reader->elements, &reader->object) : next_line(reader);
    if (rc != DESY_OK || !(*more = reader->object != NULL)) return rc;
    if (!cJSON_IsObject(reader->object))
        return desy_error(DESY_EDATA, "%s:%ld: not an object; each row is {\"id\": ..., \"label\": ..., \"score\": ...}%s", reader->path, desy_score_reader_line(reader),
                          cJSON_IsArray(reader->object) ? " (an array belongs into a file named .json)" : "");
    for (int c = 0; c < DESY_SCORE_COLUMNS; c++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(reader->object, desy_score_columns[c]);
        const bool number = c == DESY_LABEL || c == DESY_SCORE || c >= DESY_LOW;
        values[c] = NULL;
        if (!value || cJSON_IsNull(value)) continue;
        if (c == DESY_ID && cJSON_IsNumber(value) && !(fabs(value->valuedouble) < 0x1p53)) /* of which several whole numbers become one double */
            return desy_error(DESY_EDATA, "%s:%ld: the id %.0f is too large for a number of JSON; write it as a string", reader->path, desy_score_reader_line(reader), value->valuedouble);
        if (cJSON_IsNumber(value) && (number || c == DESY_ID)) values[c] = desy_number_text(reader->numbers[c], value->valuedouble);
        else if (cJSON_IsString(value) && !number) values[c] = value->valuestring;
        else
            return desy_error(DESY_EDATA, "%s:%ld: %s must be a %s", reader->path, desy_score_reader_line(reader), desy_score_columns[c], number ? "number" : "string");
    }
    return DESY_OK;
}
