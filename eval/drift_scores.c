#include "eval/drift_scores.h"

#include "base/error.h"
#include "eval/interval.h"
#include "eval/kolmogorov.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double desy_drift_round(double value) { return rint(value * 1e4) / 1e4; }

/* Each bin ends with the value that a tenth more of the reference does not exceed; equal ends are one. */
static void choose_edges(desy_drift_scores *s)
{
    for (int k = 1; k < DESY_PSI_BINS; k++) {
        const size_t at = (s->n * (size_t)k + DESY_PSI_BINS - 1) / DESY_PSI_BINS; /* values up to the edge, ceil */
        const double edge = s->reference[at ? at - 1 : 0];
        if (edge < s->reference[s->n - 1] && (s->bins == 0 || edge > s->edges[s->bins - 1])) s->edges[s->bins++] = edge;
    }
    s->edges[s->bins++] = INFINITY;
}

int desy_drift_scores_open(desy_drift_scores *s, const double *reference, size_t n)
{
    *s = (desy_drift_scores){.n = n};
    if (n == 0) return desy_error(DESY_EDATA, "a reference without any value: there is nothing to compare with");
    s->reference = malloc(n * sizeof *s->reference);
    s->counts = calloc(2 * n + 1, sizeof *s->counts);
    if (!s->reference || !s->counts) {
        desy_drift_scores_close(s);
        return desy_error_memory("reference values");
    }
    for (size_t i = 0; i < n; i++) {
        s->reference[i] = desy_drift_round(reference[i]);
        if (isfinite(reference[i])) continue;
        desy_drift_scores_close(s);
        return desy_error(DESY_EDATA, "a value of the reference is not a finite number");
    }
    qsort(s->reference, n, sizeof *s->reference, desy_ascending);
    choose_edges(s);
    return DESY_OK;
}

void desy_drift_scores_close(desy_drift_scores *s)
{
    free(s->reference);
    free(s->counts);
    *s = (desy_drift_scores){0};
}

void desy_drift_scores_add(desy_drift_scores *s, double value)
{
    size_t low = 0, high = s->n; /* the first of the reference that is not below it */
    if (isnan(value)) return;
    value = desy_drift_round(value);
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (s->reference[middle] < value) low = middle + 1;
        else high = middle;
    }
    s->counts[2 * low + (low < s->n && s->reference[low] == value)]++;
    s->added++;
    s->sum += value;
}

void desy_drift_scores_clear(desy_drift_scores *s)
{
    memset(s->counts, 0, (2 * s->n + 1) * sizeof *s->counts);
    s->added = 0;
    s->sum = 0;
}

/* Sets the largest |i n - j m| over all places, where i of m were added up to it and j of n are in the reference: of distances of distribution functions times n m. */
static int64_t largest_distance(const desy_drift_scores *s)
{
    const int64_t n = (int64_t)s->n, m = s->added;
    int64_t largest = 0, below = 0;
    for (size_t i = 0, next; i < s->n; i = next) {
        for (next = i + 1; next < s->n && s->reference[next] == s->reference[i]; next++) {}
        below += s->counts[2 * i]; /* between the one before and this one: the reference has i there */
        const int64_t before = llabs(below * n - (int64_t)i * m);
        below += s->counts[2 * i + 1];
        const int64_t after = llabs(below * n - (int64_t)next * m);
        largest = before > largest ? before : largest;
        largest = after > largest ? after : largest;
        for (size_t k = i + 1; k < next; k++) below += s->counts[2 * k] + s->counts[2 * k + 1]; /* none */
    }
    return largest;
}

static void measure_bins(const desy_drift_scores *s, struct desy_drift_figures *f)
{
    int64_t counts[DESY_PSI_BINS] = {0}, of_reference[DESY_PSI_BINS] = {0};
    int bin = 0;
    for (size_t i = 0; i < s->n; i++) {
        while (s->reference[i] > s->edges[bin]) bin++;
        of_reference[bin]++;
        counts[bin] += s->counts[2 * i] + s->counts[2 * i + 1]; /* edges are values of the reference, so that what lies below this one is above the last edge */
    }
    counts[bin] += s->counts[2 * s->n];
    f->bins = s->bins;
    f->psi = 0;
    for (int b = 0; b < s->bins; b++) {
        const double added = (double)s->added, n = (double)s->n, extra = DESY_PSI_SMOOTHING * s->bins;
        const double p = ((double)counts[b] + DESY_PSI_SMOOTHING) / (added + extra), q = ((double)of_reference[b] + DESY_PSI_SMOOTHING) / (n + extra);
        f->psi += (p - q) * log(p / q);
        f->share[b] = s->added ? (double)counts[b] / added : 0;
        f->reference_share[b] = (double)of_reference[b] / n;
    }
}

void desy_drift_scores_measure(const desy_drift_scores *s, struct desy_drift_figures *f)
{
    double sum = 0;
    *f = (struct desy_drift_figures){.n = s->added, .mean = NAN, .psi_by_chance = NAN, .ks = NAN, .ks_p = NAN};
    for (size_t i = 0; i < s->n; i++) sum += s->reference[i];
    f->reference_mean = sum / (double)s->n;
    measure_bins(s, f);
    if (s->added == 0) {
        f->psi = NAN;
        return;
    }
    const int64_t distance = largest_distance(s);
    f->mean = s->sum / (double)s->added;
    f->psi_by_chance = (s->bins - 1) * (1 / (double)s->added + 1 / (double)s->n);
    f->ks = (double)distance / ((double)s->n * (double)s->added);
    f->ks_p = desy_kolmogorov_p((int64_t)s->n, s->added, distance, &f->ks_exact);
}
