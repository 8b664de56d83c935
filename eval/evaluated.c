#include "eval/evaluated.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>

static int select_scored(const struct desy_scores *scores, struct desy_evaluated *evaluated)
{
    evaluated->clips = malloc((scores->n + 1) * sizeof *evaluated->clips);
    evaluated->rows = malloc((scores->n + 1) * sizeof *evaluated->rows);
    if (!evaluated->clips || !evaluated->rows) return desy_error_memory("the clips that have a score");
    for (size_t i = 0; i < scores->n; i++) {
        if (isnan(scores->score[i])) continue;
        evaluated->rows[evaluated->n] = i;
        evaluated->clips[evaluated->n++] = (struct desy_ranked){scores->score[i], desy_sources_of(&evaluated->sources, scores, i), scores->label[i]};
    }
    return DESY_OK;
}

int desy_evaluated_open(desy_world *world, const struct desy_scores *scores, struct desy_evaluated *evaluated)
{
    int rc = DESY_OK;
    *evaluated = (struct desy_evaluated){0};
    DESY_TRY(desy_sources_open(world, scores, &evaluated->sources));
    DESY_TRY(desy_agree(world, select_scored(scores, evaluated)));
    evaluated->first_row = (uint64_t)desy_prefix_i64(world, (int64_t)scores->n);
    for (size_t i = 0; i < evaluated->n; i++) evaluated->n_of[evaluated->clips[i].label]++;
    desy_sum_i64(world, evaluated->n_of, 2);
out:
    return rc;
}

void desy_evaluated_close(struct desy_evaluated *evaluated)
{
    desy_sources_close(&evaluated->sources);
    free(evaluated->clips);
    free(evaluated->rows);
    *evaluated = (struct desy_evaluated){0};
}

void desy_evaluated_count(desy_world *world, const struct desy_evaluated *evaluated, double threshold, int64_t *counts)
{
    const size_t n = 2 * (evaluated->sources.n + 1);
    for (size_t i = 0; i < n; i++) counts[i] = 0;
    for (size_t i = 0; i < evaluated->n; i++) counts[2 * evaluated->clips[i].source + evaluated->clips[i].label] += evaluated->clips[i].score >= threshold;
    desy_sum_i64(world, counts, n);
}

size_t desy_evaluated_largest(const struct desy_evaluated *evaluated, const int64_t *counts, int label, int64_t least, size_t most, uint32_t *numbers)
{
    size_t n = 0;
    for (size_t s = 0; s < evaluated->sources.n; s++) { /* by insertion, names ascending: one that is not larger stays behind */
        const int64_t count = counts[2 * s + (size_t)label];
        if (count < least || (n == most && count <= counts[2 * numbers[n - 1] + (size_t)label])) continue;
        size_t at = n < most ? n++ : n - 1;
        for (; at > 0 && counts[2 * numbers[at - 1] + (size_t)label] < count; at--) numbers[at] = numbers[at - 1];
        numbers[at] = (uint32_t)s;
    }
    return n;
}
