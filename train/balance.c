#include "train/balance.h"

#include "base/error.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

enum { STREAM_MEMBERS, STREAM_ROUNDS }; /* of random numbers */

struct clip {
    uint64_t source;
    uint32_t index; /* among the chosen */
    int label;
};

static int by_stratum(const void *a, const void *b)
{
    const struct clip *x = a, *y = b;
    if (x->label != y->label) return x->label - y->label;
    if (x->source != y->source) return x->source < y->source ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static void cut(struct desy_balance *b, const struct clip *clips)
{
    size_t strata = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (i == 0 || clips[i].label != clips[i - 1].label || clips[i].source != clips[i - 1].source)
            b->strata[strata++] = (struct desy_stratum){.source = clips[i].source, .first = i};
        b->strata[strata - 1].count++;
        b->members[i] = clips[i].index;
        b->of_label[clips[i].label + 1] = strata;
    }
    if (b->of_label[2] < b->of_label[1]) b->of_label[2] = b->of_label[1]; /* there is none of label 1 */
}

int desy_balance_open(struct desy_balance *b, enum desy_balance_kind kind, const struct desy_fit *fit, const struct desy_split_item *items)
{
    struct clip *clips = malloc((fit->chosen + 1) * sizeof *clips);
    *b = (struct desy_balance){.n = fit->chosen};
    b->strata = calloc(fit->chosen + 1, sizeof *b->strata);
    b->members = malloc((fit->chosen + 1) * sizeof *b->members);
    b->shuffled = malloc((fit->chosen + 1) * sizeof *b->shuffled);
    b->rounds = malloc((fit->chosen + 1) * sizeof *b->rounds);
    const bool there = clips && b->strata && b->members && b->shuffled && b->rounds;
    for (size_t i = 0, n = 0; there && i < fit->total; i++) {
        if (!(fit->weights[i] > 0)) continue;
        clips[n] = (struct clip){kind == DESY_BALANCE_SOURCE ? items[i].source : 0, (uint32_t)n, fit->labels[i]};
        n++;
    }
    if (there) qsort(clips, b->n, sizeof *clips, by_stratum), cut(b, clips);
    free(clips);
    return there ? DESY_OK : desy_error_memory("balanced batches");
}

void desy_balance_close(struct desy_balance *b)
{
    free(b->strata);
    free(b->members);
    free(b->shuffled);
    free(b->rounds);
    memset(b, 0, sizeof *b);
}

/* The next clip of a stratum; every time that all were drawn they are shuffled again. */
static uint32_t draw(struct desy_balance *b, struct desy_stratum *stratum, int label, uint64_t seed, uint32_t *repeats)
{
    const size_t time = stratum->drawn / stratum->count, at = stratum->drawn % stratum->count;
    uint32_t *shuffled = b->shuffled + stratum->first;
    if (at == 0) desy_random_permutation(desy_random_u64(seed, STREAM_MEMBERS, stratum->source ^ (uint64_t)label), time, stratum->count, shuffled);
    stratum->drawn++;
    *repeats = (uint32_t)time;
    return b->members[stratum->first + shuffled[at]];
}

void desy_balance_order(struct desy_balance *b, uint64_t seed, uint32_t *order, uint32_t *repeats)
{
    size_t drawn[2] = {0};
    for (size_t s = 0; s < b->of_label[2]; s++) b->strata[s].drawn = 0;
    for (size_t k = 0; k < b->n; k++) {
        int label = (int)(k % 2);
        if (b->of_label[label] == b->of_label[label + 1]) label = !label;
        const size_t strata = b->of_label[label + 1] - b->of_label[label], round = drawn[label] / strata, at = drawn[label] % strata;
        uint32_t *rounds = b->rounds + b->of_label[label];
        if (at == 0) desy_random_permutation(desy_random_u64(seed, STREAM_ROUNDS, (uint64_t)label), round, strata, rounds);
        order[k] = draw(b, &b->strata[b->of_label[label] + rounds[at]], label, seed, &repeats[k]);
        drawn[label]++;
    }
}

void desy_balance_weights(const struct desy_balance *b, const struct desy_fit *fit, const double of_class[2], double *weights)
{
    const bool both = b->of_label[1] > 0 && b->of_label[2] > b->of_label[1];
    uint32_t *rows = b->shuffled; /* room, until an order is made: of the chosen clips */
    memset(weights, 0, fit->total * sizeof *weights);
    for (size_t i = 0, n = 0; i < fit->total; i++)
        if (fit->weights[i] > 0) rows[n++] = (uint32_t)i;
    for (size_t s = 0; s < b->of_label[2]; s++) {
        const uint32_t *members = b->members + b->strata[s].first;
        const double mean_class = both ? (of_class[0] + of_class[1]) / 2 : of_class[s >= b->of_label[1]];
        double sum = 0;
        for (size_t i = 0; i < b->strata[s].count; i++) sum += fit->weights[rows[members[i]]];
        for (size_t i = 0; i < b->strata[s].count; i++)
            weights[rows[members[i]]] = fit->weights[rows[members[i]]] / sum * (double)b->strata[s].count * of_class[s >= b->of_label[1]] / mean_class;
    }
}
