#include "eval/parts.h"

#include "base/error.h"

#include <string.h>

int desy_scores_divide(desy_world *world, struct desy_scores *scores, struct desy_scores *validation, struct desy_parts *parts)
{
    struct desy_scores test = {0};
    int64_t counts[3] = {0};
    int rc = DESY_OK;
    for (size_t i = 0; i < scores->n; i++) counts[strcmp(scores->rows[i].split, "val") == 0 ? 0 : strcmp(scores->rows[i].split, "test") == 0 ? 1 : 2]++;
    desy_sum_i64(world, counts, 3);
    *parts = (struct desy_parts){counts[0], counts[1], counts[2]};
    if (parts->validation == 0 || parts->test == 0) return DESY_OK;
    for (size_t i = 0; i < scores->n && rc == DESY_OK; i++) {
        if (strcmp(scores->rows[i].split, "val") == 0) rc = desy_scores_append(validation, &scores->rows[i]);
        else if (strcmp(scores->rows[i].split, "test") == 0) rc = desy_scores_append(&test, &scores->rows[i]);
    }
    desy_scores_close(scores);
    *scores = test;
    return desy_agree(world, rc);
}
