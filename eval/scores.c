#include "eval/scores.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>

void desy_scores_share(uint64_t n, int rank, int ranks, uint64_t *first, uint64_t *count)
{
    const uint64_t r = (uint64_t)rank, size = (uint64_t)ranks;
    *first = n / size * r + n % size * r / size;
    *count = n / size * (r + 1) + n % size * (r + 1) / size - *first;
}

static int resize(void **column, size_t rows, size_t width)
{
    void *larger = realloc(*column, rows * width);
    if (!larger) return desy_error_memory("scores");
    *column = larger;
    return DESY_OK;
}

/* Columns that are there get room for twice the rows. */
static int grow(struct desy_scores *scores)
{
    const size_t rows = scores->allocated ? 2 * scores->allocated : 64;
    struct desy_name_column *const names[] = {&scores->source, &scores->group, &scores->split};
    int rc = DESY_OK;
    DESY_TRY(resize((void **)&scores->score, rows, sizeof *scores->score));
    DESY_TRY(resize((void **)&scores->label, rows, sizeof *scores->label));
    for (int l = 0; l < 3; l++) {
        if (scores->level[l]) DESY_TRY(resize((void **)&scores->level[l], rows, sizeof *scores->level[l]));
        if (names[l]->of) DESY_TRY(resize((void **)&names[l]->of, rows, sizeof *names[l]->of));
    }
    scores->allocated = rows;
out:
    return rc;
}

static int put_name(const struct desy_scores *scores, struct desy_name_column *column, const char *text)
{
    uint32_t number = 0;
    int rc = DESY_OK;
    if (!column->of) {
        if (!text || !*text) return DESY_OK;
        DESY_TRY(desy_names_add(&column->names, "", &number));
        if (!(column->of = calloc(scores->allocated, sizeof *column->of))) return desy_error_memory("scores");
    }
    DESY_TRY(desy_names_add(&column->names, text ? text : "", &number));
    column->of[scores->n] = number;
out:
    return rc;
}

static int put_level(const struct desy_scores *scores, double **column, double value)
{
    if (!*column) {
        if (isnan(value)) return DESY_OK;
        if (!(*column = malloc(scores->allocated * sizeof **column))) return desy_error_memory("scores");
        for (size_t i = 0; i < scores->n; i++) (*column)[i] = NAN;
    }
    (*column)[scores->n] = value;
    return DESY_OK;
}

static int put_path(const struct desy_scores *scores, struct desy_texts *paths, const char *path)
{
    int rc = DESY_OK;
    if (paths->n == 0 && (!path || !*path)) return DESY_OK;
    while (paths->n < scores->n) DESY_TRY(desy_texts_append(paths, ""));
    rc = desy_texts_append(paths, path ? path : "");
out:
    return rc;
}

int desy_scores_append(struct desy_scores *scores, const struct desy_score_row *row)
{
    int rc = DESY_OK;
    if (scores->n == scores->allocated) DESY_TRY(grow(scores));
    scores->score[scores->n] = row->score;
    scores->label[scores->n] = (uint8_t)row->label;
    DESY_TRY(desy_texts_append(&scores->id, row->id ? row->id : ""));
    DESY_TRY(put_path(scores, &scores->video_path, row->video_path));
    DESY_TRY(put_name(scores, &scores->source, row->source));
    DESY_TRY(put_name(scores, &scores->group, row->group));
    DESY_TRY(put_name(scores, &scores->split, row->split));
    for (int l = 0; l < 3; l++) DESY_TRY(put_level(scores, &scores->level[l], row->level[l]));
    scores->n++;
out:
    return rc;
}

static const char *name_at(const struct desy_name_column *column, size_t i) { return column->of ? desy_texts_at(&column->names.texts, column->of[i]) : ""; }

struct desy_score_row desy_scores_row(const struct desy_scores *scores, size_t i)
{
    struct desy_score_row row = {.id = desy_texts_at(&scores->id, i), .video_path = scores->video_path.n > 0 ? desy_texts_at(&scores->video_path, i) : "",
                                 .source = name_at(&scores->source, i), .group = name_at(&scores->group, i), .split = name_at(&scores->split, i),
                                 .label = scores->label[i], .score = scores->score[i]};
    for (int l = 0; l < 3; l++) row.level[l] = scores->level[l] ? scores->level[l][i] : NAN;
    return row;
}

void desy_scores_close(struct desy_scores *scores)
{
    struct desy_name_column *const names[] = {&scores->source, &scores->group, &scores->split};
    for (int c = 0; c < 3; c++) {
        desy_names_close(&names[c]->names);
        free(names[c]->of);
        free(scores->level[c]);
    }
    desy_texts_close(&scores->id);
    desy_texts_close(&scores->video_path);
    free(scores->score);
    free(scores->label);
    *scores = (struct desy_scores){0};
}
