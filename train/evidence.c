#include "train/evidence.h"

#include "base/error.h"
#include "features/blocks.h"
#include "train/standardise.h"
#include "train/temporal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FREQUENCIES 63 /* a block of so many numbers: AC coefficients of 8 x 8, row-major from (0, 1) on */
#define FARTHEST 10

/* Where pooled number p comes from. */
static void name_input(const char **block, const char **part, const struct desy_layout *layout, int p)
{
    static const char *const pooled[] = {[DESY_POOL_MEAN] = "mean", [DESY_POOL_DEVIATION] = "deviation", [DESY_POOL_STEP] = "step"};
    const int blocks = desy_pool_offset(layout, DESY_POOL_BLOCKS), temporal = desy_pool_offset(layout, DESY_POOL_TEMPORAL), d = layout->encoder + p - blocks;
    *block = "encoder", *part = "";
    if (p < blocks) {
        *part = pooled[p / layout->encoder];
        return;
    }
    for (const struct desy_temporal_channel *t = desy_temporal_channels; t->name; t++)
        if (p >= temporal + t->first && p < temporal + t->first + t->count) *block = t->name;
    if (p >= temporal) return;
    for (const struct desy_feature_block *b = desy_feature_blocks; b->name; b++) {
        if (d < b->first || d >= b->first + b->count) continue;
        *block = b->name;
        if (b->count != FREQUENCIES) return;
        const int i = d - b->first + 1, most = i / 8 > i % 8 ? i / 8 : i % 8;
        *part = most <= 2 ? "coarse" : most <= 4 ? "middle" : "fine";
    }
}

static int group_of(struct desy_evidence *e, int channel, const char *block, const char *part)
{
    for (int g = 0; g < e->n; g++)
        if (e->groups[g].channel == channel && strcmp(e->groups[g].block, block) == 0 && strcmp(e->groups[g].part, part) == 0) return g;
    if (e->n == DESY_MAX_GROUPS) return -1;
    e->groups[e->n] = (struct desy_evidence_group){channel, block, part, 0};
    return e->n++;
}

int desy_evidence_open(struct desy_evidence *e, const struct desy_ensemble *ensemble)
{
    int most = 1;
    memset(e, 0, sizeof *e);
    for (int c = 0; c < ensemble->n; c++) {
        const struct desy_head *head = &ensemble->heads[c];
        if (!head->direction) continue;
        if (head->inputs > most) most = head->inputs;
        e->of_input[c] = malloc((size_t)head->inputs * sizeof *e->of_input[c]);
        if (!e->of_input[c]) return desy_error_memory("evidence");
        for (int d = 0; d < head->inputs; d++) {
            const char *block, *part;
            name_input(&block, &part, &ensemble->layout, head->offset + d);
            const int group = e->of_input[c][d] = group_of(e, c, block, part);
            if (group < 0) return desy_error(DESY_EDATA, "the model's channels read more than %d groups of numbers", DESY_MAX_GROUPS);
            e->groups[group].inputs++;
        }
    }
    e->room = malloc((size_t)most * sizeof *e->room);
    return e->room ? DESY_OK : desy_error_memory("evidence");
}

void desy_evidence_close(struct desy_evidence *e)
{
    for (int c = 0; c < DESY_MAX_CHANNELS; c++) free(e->of_input[c]);
    free(e->room);
    memset(e, 0, sizeof *e);
}

void desy_evidence_add(const struct desy_evidence *e, const struct desy_ensemble *ensemble, const float *vector, double *logits, double *values)
{
    for (int c = 0; c < ensemble->n; c++) {
        const struct desy_head *head = &ensemble->heads[c];
        if (!e->of_input[c] || !desy_head_applies(head, vector)) continue;
        desy_standardise(e->room, vector + head->offset, head->inputs, head->median, head->scale);
        for (int d = 0; d < head->inputs; d++) {
            const int group = e->of_input[c][d];
            logits[group] += head->direction[d] * e->room[d] / head->deviation;
            values[group] += e->room[d] / e->groups[group].inputs;
        }
    }
}

double desy_evidence_constant(const struct desy_head *head)
{
    return (head->bias - head->mean) / head->deviation;
}

double desy_evidence_distance(const struct desy_head *head, const float *vector)
{
    double sum = 0;
    for (int d = 0; d < head->standardised; d++) {
        const double z = ((double)vector[desy_head_column(head, d)] - head->median[d]) / head->scale[d];
        sum += z * z < FARTHEST * FARTHEST ? z * z : FARTHEST * FARTHEST;
    }
    return head->standardised ? sqrt(sum / head->standardised) : 0;
}
