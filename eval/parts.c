#include "eval/parts.h"

#include "base/error.h"

#include <string.h>

/* 0: val, 1: test, 2: another. */
static int part_of(const struct desy_scores *scores, size_t i)
{
    const char *split = desy_scores_row(scores, i).split;
    return strcmp(split, "val") == 0 ? 0 : strcmp(split, "test") == 0 ? 1 : 2;
}

int desy_scores_divide(desy_world *world, struct desy_scores *scores, struct desy_scores *validation, struct desy_parts *parts)
{
    struct desy_scores test = {0};
    int64_t counts[3] = {0};
    int rc = DESY_OK;
    for (size_t i = 0; i < scores->n; i++) counts[part_of(scores, i)]++;
    desy_sum_i64(world, counts, 3);
    *parts = (struct desy_parts){counts[0], counts[1], counts[2]};
    if (parts->validation == 0 || parts->test == 0) return DESY_OK;
    for (size_t i = 0; i < scores->n && rc == DESY_OK; i++) {
        const struct desy_score_row row = desy_scores_row(scores, i);
        const int part = part_of(scores, i);
        if (part < 2) rc = desy_scores_append(part == 0 ? validation : &test, &row);
    }
    desy_scores_close(scores);
    *scores = test;
    return desy_agree(world, rc);
}
