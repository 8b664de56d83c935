/* A table of scores as a file has it, row by row. For desy_scores_read alone. */
#ifndef DESY_EVAL_SCORES_READER_H
#define DESY_EVAL_SCORES_READER_H

#include "base/json.h"
#include "eval/csv.h"
#include "eval/scores.h"
#include "eval/text_range.h"

enum desy_score_column { DESY_ID, DESY_LABEL, DESY_SCORE, DESY_SOURCE, DESY_GROUP, DESY_VIDEO_PATH, DESY_SPLIT, DESY_LOW, DESY_MID, DESY_HIGH, DESY_SCORE_COLUMNS };
extern const char *const desy_score_columns[DESY_SCORE_COLUMNS];

/* One of the three is open: the rows of a range of a CSV, of a range of JSON Lines, or all elements of a JSON array. */
struct desy_score_reader {
    const char *path;
    bool labelled;                     /* else labels are not read */
    desy_csv *csv;
    size_t fields;                     /* of the CSV's header */
    int position[DESY_SCORE_COLUMNS];  /* of each column in it, -1: none */
    struct desy_text_range lines;
    desy_json_stream *elements;
    uint64_t offset;                   /* of the last row in the file; of JSON arrays not set */
    cJSON *object;
    char numbers[DESY_SCORE_COLUMNS][DESY_NUMBER_TEXT];
};

/* Collective; agreed. Opens this rank's range of the file as rank 0 sees it. DESY_EDATA: can't be read, no such columns, or it shrank meanwhile. */
int desy_score_reader_open(desy_world *world, struct desy_score_reader *reader, const char *path, bool labelled);
/* The next row; *more false: there is none. Its texts are borrowed until the next call. Not collective. DESY_EDATA: as desy_scores_read. */
int desy_score_reader_next(struct desy_score_reader *reader, struct desy_score_row *row, bool *more);
/* The 1-based line on which the last row began. Not collective; reads the file up to it. */
long desy_score_reader_line(const struct desy_score_reader *reader);
void desy_score_reader_close(struct desy_score_reader *reader);

/* The rows of JSON: values[c] as text, NULL where absent. */
int desy_score_json_next(struct desy_score_reader *reader, const char *values[DESY_SCORE_COLUMNS], bool *more);

#endif
