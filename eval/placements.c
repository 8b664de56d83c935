#include "eval/placements.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>

/* Clips before the one in hand. */
struct before { int64_t pos, neg; };

static void count_totals(struct desy_placements *placements, const struct desy_order *order)
{
    for (size_t i = 0; i < order->n; i++) {
        struct desy_placement *unit = &placements->units[order->items[i] >> 1];
        const bool above = i < order->above;
        if (order->items[i] & 1) placements->pos++, unit->pos++, unit->pos_above += above;
        else placements->neg++, unit->neg++, unit->neg_above += above;
    }
}

/* Items of one score, the reals first. seen: AI-generated clips of each unit so far. */
static void place_tied(struct desy_placements *placements, const uint32_t *items, size_t n, struct before *before, int64_t *seen)
{
    int64_t pos = 0, neg = 0;
    for (size_t i = 0; i < n; i++) items[i] & 1 ? pos++ : neg++;
    for (size_t i = 0; i < n; i++) {
        const size_t u = items[i] >> 1;
        struct desy_placement *unit = &placements->units[u];
        if (items[i] & 1) {
            unit->pos_right += 2 * (placements->neg - before->neg) - neg;
            seen[u]++;
        } else {
            unit->neg_right += 2 * before->pos + pos;
            unit->within += seen[u];
        }
    }
    for (size_t i = 0; i < n; i++)
        if (!(items[i] & 1)) placements->units[items[i] >> 1].within += seen[items[i] >> 1]; /* before and after: twice a half of those tied */
    before->pos += pos;
    before->neg += neg;
    placements->twice += neg * (2 * (before->pos - pos) + pos);
}

int desy_placements_open(struct desy_placements *placements, const struct desy_order *order, size_t n_units)
{
    int64_t *seen = calloc(n_units + 1, sizeof *seen);
    struct before before = {0};
    *placements = (struct desy_placements){.units = calloc(n_units + 1, sizeof *placements->units), .n = n_units};
    if (!seen || !placements->units) {
        free(seen);
        return desy_error_memory("placements");
    }
    count_totals(placements, order);
    for (size_t i = 0, tie = 0; i < order->n;) {
        const bool tied = tie < order->n_ties && order->ties[tie].first == i;
        const size_t n = tied ? order->ties[tie++].n : 1;
        place_tied(placements, order->items + i, n, &before, seen);
        i += n;
    }
    free(seen);
    return DESY_OK;
}

void desy_placements_close(struct desy_placements *placements)
{
    free(placements->units);
    *placements = (struct desy_placements){0};
}

double desy_placements_auc(const struct desy_placements *p) { return (double)p->twice / (2. * (double)p->pos * (double)p->neg); }

/* Sums of the unit's placements, less what they are on average. */
static void centre(const struct desy_placements *p, size_t u, double auc, double *of_pos, double *of_neg)
{
    *of_pos = (double)p->units[u].pos_right / (2. * (double)p->neg) - (double)p->units[u].pos * auc;
    *of_neg = (double)p->units[u].neg_right / (2. * (double)p->pos) - (double)p->units[u].neg * auc;
}

double desy_placements_variance(const struct desy_placements *p, const struct desy_placements *other)
{
    const double auc = desy_placements_auc(p), other_auc = other ? desy_placements_auc(other) : 0;
    double squares[2] = {0}, product = 0, with_pos = 0, with_neg = 0, units = 0;
    for (size_t u = 0; u < p->n; u++) {
        double a[2], b[2];
        centre(p, u, auc, &a[0], &a[1]);
        if (other) {
            centre(other, u, other_auc, &b[0], &b[1]);
            a[0] = b[0] - a[0], a[1] = b[1] - a[1];
        }
        with_pos += p->units[u].pos > 0;
        with_neg += p->units[u].neg > 0;
        units += p->units[u].pos + p->units[u].neg > 0;
        squares[0] += a[0] * a[0];
        squares[1] += a[1] * a[1];
        product += a[0] * a[1];
    }
    if (with_pos < 2 || with_neg < 2) return 0;
    const double pos = (double)p->pos, neg = (double)p->neg;
    return with_pos / (with_pos - 1) * squares[0] / (pos * pos) + with_neg / (with_neg - 1) * squares[1] / (neg * neg) + units / (units - 1) * 2 * product / (pos * neg);
}
