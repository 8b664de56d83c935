#include "eval/scores.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

void desy_scores_share(uint64_t n, int rank, int ranks, uint64_t *first, uint64_t *count)
{
    const uint64_t r = (uint64_t)rank, size = (uint64_t)ranks;
    *first = n / size * r + n % size * r / size;
    *count = n / size * (r + 1) + n % size * (r + 1) / size - *first;
}

static void free_row(struct desy_score_row *row)
{
    free(row->id);
    free(row->video_path);
    free(row->source);
    free(row->group);
    free(row->split);
}

int desy_scores_append(struct desy_scores *scores, const struct desy_score_row *row)
{
    if (scores->n == scores->allocated) {
        const size_t wanted = scores->allocated ? scores->allocated * 2 : 64;
        struct desy_score_row *rows = realloc(scores->rows, wanted * sizeof *rows);
        if (!rows) return desy_error_memory("scores");
        scores->rows = rows;
        scores->allocated = wanted;
    }
    struct desy_score_row copy = *row;
    copy.id = strdup(row->id ? row->id : "");
    copy.video_path = strdup(row->video_path ? row->video_path : "");
    copy.source = strdup(row->source ? row->source : "");
    copy.group = strdup(row->group ? row->group : "");
    copy.split = strdup(row->split ? row->split : "");
    if (!copy.id || !copy.video_path || !copy.source || !copy.group || !copy.split) {
        free_row(&copy);
        return desy_error_memory("scores");
    }
    scores->rows[scores->n++] = copy;
    return DESY_OK;
}

void desy_scores_close(struct desy_scores *scores)
{
    for (size_t i = 0; i < scores->n; i++) free_row(&scores->rows[i]);
    free(scores->rows);
    *scores = (struct desy_scores){0};
}
