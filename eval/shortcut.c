#include "eval/shortcut.h"

#include "base/error.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>

static double entropy_part(double count, double n)
{
    return count > 0 ? -count / n * log2(count / n) : 0;
}

static double label_entropy(double zeros, double ones)
{
    return entropy_part(zeros, zeros + ones) + entropy_part(ones, zeros + ones);
}

/* H(label) - H(label | value), of ones[v] of totals[v]. */
static double information(const size_t *totals, const size_t *ones, int values, double n, double entropy)
{
    double left = 0;
    for (int v = 0; v < values; v++)
        if (totals[v]) left += (double)totals[v] / n * label_entropy((double)(totals[v] - ones[v]), (double)ones[v]);
    return entropy - left;
}

static double log_choose(double n, double k)
{
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

/* How many of `drawn` of n items are among the `ones` of them, by inversion: probabilities are taken off u from the likeliest number outwards. */
static size_t hypergeometric(double u, size_t n, size_t ones, size_t drawn)
{
    const size_t least = drawn + ones > n ? drawn + ones - n : 0, most = drawn < ones ? drawn : ones;
    const double N = (double)n, K = (double)ones, m = (double)drawn;
    const double mode = floor((m + 1) * (K + 1) / (N + 2));
    size_t up = mode < (double)least ? least : mode > (double)most ? most : (size_t)mode, down = up;
    double at_up = exp(log_choose(K, (double)up) + log_choose(N - K, m - (double)up) - log_choose(N, m)), at_down = at_up;
    for (u -= at_up; u >= 0 && (up < most || down > least);) {
        double x = (double)up;
        at_up = up < most ? at_up * (K - x) * (m - x) / ((x + 1) * (N - K - m + x + 1)) : 0;
        x = (double)down;
        at_down = down > least ? at_down * x * (N - K - m + x) / ((K - x + 1) * (m - x + 1)) : 0;
        if (up < most) {
            up++;
            u -= at_up;
            if (u < 0) return up;
        }
        if (down > least) {
            down--;
            u -= at_down;
            if (u < 0) return down;
        }
        if (at_up < 1e-300 && at_down < 1e-300) return up; /* rounding left a little of u */
    }
    return up;
}

/* Guessing by the majority of the others: of a zeros and b ones. */
static double guessed_right(double a, double b)
{
    const double zeros = a - 1 > b ? a : a - 1 == b ? a / 2 : 0, ones = b - 1 > a ? b : b - 1 == a ? b / 2 : 0;
    return zeros + ones;
}

static double permuted_share(const size_t *totals, int values, size_t n, size_t ones, double observed, uint64_t seed, uint64_t stream, size_t *room)
{
    const double entropy = label_entropy((double)(n - ones), (double)ones);
    int as_much = 0;
    for (uint64_t p = 0; p < DESY_SHORTCUT_PERMUTATIONS; p++) {
        size_t left = n, ones_left = ones;
        for (int v = 0; v < values; v++) {
            room[v] = hypergeometric(desy_random_uniform(seed, stream, p * (uint64_t)values + (uint64_t)v), left, ones_left, totals[v]);
            left -= totals[v], ones_left -= room[v];
        }
        as_much += information(totals, room, values, (double)n, entropy) >= observed - 1e-12;
    }
    return (1. + as_much) / (1 + DESY_SHORTCUT_PERMUTATIONS);
}

int desy_shortcut_measure(struct desy_shortcut *s, const size_t (*counts)[2], int values, uint64_t seed, uint64_t stream)
{
    size_t *totals = malloc((size_t)values * 3 * sizeof *totals + 1), *ones = totals + values;
    double right = 0, most = -1;
    int cells = 0, used = 0;
    *s = (struct desy_shortcut){0};
    if (!totals) return desy_error_memory("shortcuts");
    for (int v = 0; v < values; v++) {
        totals[v] = counts[v][0] + counts[v][1], ones[v] = counts[v][1];
        s->n[0] += counts[v][0], s->n[1] += counts[v][1];
        cells += (counts[v][0] > 0) + (counts[v][1] > 0), used += totals[v] > 0;
        right += guessed_right((double)counts[v][0], (double)counts[v][1]);
    }
    const double n = (double)(s->n[0] + s->n[1]), entropy = n > 0 ? label_entropy((double)s->n[0], (double)s->n[1]) : 0;
    s->p_value = 1;
    if (entropy > 0) {
        for (int v = 0; v < values; v++) {
            const double apart = fabs((double)counts[v][0] / (double)s->n[0] - (double)counts[v][1] / (double)s->n[1]);
            if (apart > most) most = apart, s->telling = v;
        }
        s->plug_in = fmax(information(totals, ones, values, n, entropy), 0);
        s->bits = fmin(fmax(s->plug_in - (cells - used - 2 + 1) / (2 * n * M_LN2), 0), entropy);
        s->share = s->bits / entropy;
        s->p_value = permuted_share(totals, values, s->n[0] + s->n[1], s->n[1], s->plug_in, seed, stream, ones + values);
    }
    s->accuracy = n > 0 ? right / n : 0;
    s->base_accuracy = n > 0 ? (double)(s->n[0] > s->n[1] ? s->n[0] : s->n[1]) / n : 0;
    free(totals);
    return DESY_OK;
}

struct value {
    double value;
    size_t at;
};

static int by_value(const void *a, const void *b)
{
    const struct value *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

int desy_shortcut_bins(int32_t *bins, int *count, double *low, double *high, const double *values, size_t n, int most)
{
    struct value *sorted = malloc((n + 1) * sizeof *sorted);
    size_t bin = 0; /* 1 + the quantile that the current bin began in */
    *count = 0;
    if (!sorted) return desy_error_memory("bins");
    for (size_t i = 0; i < n; i++) sorted[i] = (struct value){values[i], i};
    qsort(sorted, n, sizeof *sorted, by_value);
    for (size_t i = 0, first = 0; i < n; i++) {
        if (sorted[i].value != sorted[first].value) first = i; /* of equal values */
        const size_t quantile = first * (size_t)most / n + 1;
        if (quantile != bin) bin = quantile, low[(*count)++] = sorted[i].value;
        high[*count - 1] = sorted[i].value;
        bins[sorted[i].at] = *count - 1;
    }
    free(sorted);
    return DESY_OK;
}
