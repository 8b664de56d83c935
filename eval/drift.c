#include "eval/drift.h"

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "eval/benjamini_hochberg.h"
#include "eval/timestamp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const desy_drift_status_names[] = {"too little data", "stable", "watch", "drift"};

#define NAME_MOST 1000 /* bytes of a source */

enum { SAMPLE = 0x44530000, PERMUTE = 0x44540000 }; /* streams of random numbers; of a slice those from slice << 10 on */

struct assessment {
    const struct desy_drift_rows *rows;
    const struct desy_drift_reference *reference;
    uint64_t seed;
    struct desy_drift *drift;
    uint32_t *slice_of_source; /* (sources); UINT32_MAX: none */
    double first, last;        /* of times */
    double *centre, *scale;    /* (columns): of the reference's rows */
};

/* ---- slices ---- */

struct counted {
    uint32_t source;
    size_t n;
};

static int by_count(const void *left, const void *right)
{
    const struct counted *a = left, *b = right;
    return a->n != b->n ? (a->n < b->n) - (a->n > b->n) : (a->source > b->source) - (a->source < b->source);
}

/* The largest sources get slices of their own. One alone is all of them. */
static int choose_sources(struct assessment *a)
{
    const size_t n = a->rows->sources.texts.n;
    size_t named = 0;
    struct counted *counts = calloc(n + 1, sizeof *counts);
    a->slice_of_source = malloc((n + 1) * sizeof *a->slice_of_source);
    int rc = counts && a->slice_of_source ? DESY_OK : desy_error_memory("sources");
    if (rc != DESY_OK) goto out;
    for (size_t s = 0; s < n; s++) counts[s].source = (uint32_t)s, a->slice_of_source[s] = UINT32_MAX;
    for (size_t i = 0; i < a->rows->n; i++) counts[a->rows->rows[i].source].n += a->rows->rows[i].source != 0; /* 0: without a name */
    for (size_t s = 0; s < n; s++) named += counts[s].n > 0;
    qsort(counts, n, sizeof *counts, by_count);
    if (named == 1 && counts[0].n == a->rows->n) named = 0;
    a->drift->n_sources = named < DESY_DRIFT_SOURCES ? named : DESY_DRIFT_SOURCES;
    a->drift->sources_left_out = named - a->drift->n_sources;
    for (size_t k = 0; rc == DESY_OK && k < a->drift->n_sources; k++) {
        struct desy_drift_slice *slice = &a->drift->slices[1 + k];
        a->slice_of_source[counts[k].source] = (uint32_t)(1 + k);
        slice->name = desy_text_clean(desy_texts_at(&a->rows->sources.texts, counts[k].source), NAME_MOST);
        if (!slice->name) rc = desy_error_memory("sources");
    }
out:
    free(counts);
    return rc;
}

/* Windows of equal length where times are known and not all the same, else of equal numbers of rows. */
static int choose_windows(struct assessment *a, size_t windows)
{
    struct desy_drift *drift = a->drift;
    char from[DESY_TIMESTAMP_TEXT], to[DESY_TIMESTAMP_TEXT];
    a->first = INFINITY, a->last = -INFINITY;
    for (size_t i = 0; i < a->rows->n; i++) {
        if (isnan(a->rows->rows[i].time)) continue;
        a->first = fmin(a->first, a->rows->rows[i].time);
        a->last = fmax(a->last, a->rows->rows[i].time);
    }
    drift->by_time = a->last > a->first;
    drift->n_windows = windows < 2 || a->rows->n < windows ? 0 : windows;
    for (size_t w = 0; w < drift->n_windows; w++) {
        struct desy_drift_slice *slice = &drift->slices[1 + drift->n_sources + w];
        if (drift->by_time) {
            slice->begin = a->first + (a->last - a->first) * (double)w / (double)windows, slice->end = a->first + (a->last - a->first) * (double)(w + 1) / (double)windows;
            slice->name = desy_format("%s to %s", desy_timestamp_text(from, slice->begin), desy_timestamp_text(to, slice->end));
        } else slice->name = desy_format("rows %zu to %zu", a->rows->n * w / windows + 1, a->rows->n * (w + 1) / windows);
        if (!slice->name) return desy_error_memory("windows");
    }
    return DESY_OK;
}

/* Which window row i is in: a slice; 0: none. */
static size_t window_of(const struct assessment *a, size_t i)
{
    const size_t windows = a->drift->n_windows;
    const double time = a->rows->rows[i].time;
    size_t w;
    if (windows == 0 || (a->drift->by_time && isnan(time))) return 0;
    if (a->drift->by_time) {
        w = (size_t)((time - a->first) / (a->last - a->first) * (double)windows);
        if (w >= windows) w = windows - 1;
    } else w = ((i + 1) * windows - 1) / a->rows->n; /* the last that begins, at n w / windows, with or before it */
    return 1 + a->drift->n_sources + w;
}

static bool is_in(const struct assessment *a, size_t i, size_t slice)
{
    return slice == 0 || a->slice_of_source[a->rows->rows[i].source] == slice || window_of(a, i) == slice;
}

/* ---- figures ---- */

static int compare_scores(struct assessment *a, enum desy_drift_score score)
{
    const size_t n = 1 + a->drift->n_sources + a->drift->n_windows;
    desy_drift_scores *counts = calloc(n, sizeof *counts); /* of each slice */
    int rc = counts ? DESY_OK : desy_error_memory("scores");
    for (size_t slice = 0; rc == DESY_OK && slice < n; slice++) rc = desy_drift_scores_open(&counts[slice], a->reference->scores[score], a->reference->n_scores[score]);
    for (size_t i = 0; rc == DESY_OK && i < a->rows->n; i++) {
        const double value = a->rows->rows[i].score[score];
        const uint32_t source = a->slice_of_source[a->rows->rows[i].source];
        const size_t window = window_of(a, i);
        desy_drift_scores_add(&counts[0], value);
        if (source != UINT32_MAX) desy_drift_scores_add(&counts[source], value);
        if (window) desy_drift_scores_add(&counts[window], value);
    }
    for (size_t slice = 0; counts && slice < n; slice++) {
        if (rc == DESY_OK) desy_drift_scores_measure(&counts[slice], &a->drift->slices[slice].scores[score].figures);
        desy_drift_scores_close(&counts[slice]);
    }
    free(counts);
    return rc;
}

static int compare_features(struct assessment *a)
{
    desy_drift_scores counts = {0};
    int rc = DESY_OK;
    a->drift->columns = a->rows->columns;
    a->drift->features = calloc(a->rows->columns + 1, sizeof *a->drift->features);
    if (!a->drift->features) return desy_error_memory("features");
    for (size_t k = 0; rc == DESY_OK && k < a->rows->columns; k++) {
        if (a->reference->features[k].n == 0) continue; /* no training clip had it */
        rc = desy_drift_scores_open(&counts, a->reference->features[k].values, a->reference->features[k].n);
        for (size_t i = 0; rc == DESY_OK && i < a->rows->n; i++) desy_drift_scores_add(&counts, a->rows->features[i * a->rows->columns + k]);
        if (rc == DESY_OK) desy_drift_scores_measure(&counts, &a->drift->features[k].figures);
        desy_drift_scores_close(&counts);
    }
    return rc;
}

/* ---- all features at once ---- */

/* Mean and deviation of each column of the reference. */
static int measure_columns(struct assessment *a)
{
    const size_t columns = a->reference->columns;
    a->centre = calloc(columns + 1, sizeof *a->centre);
    a->scale = calloc(columns + 1, sizeof *a->scale);
    if (!a->centre || !a->scale) return desy_error_memory("features");
    for (size_t k = 0; k < columns; k++) {
        double n = 0, sum = 0, squares = 0;
        for (int pass = 0; pass < 2; pass++)
            for (size_t i = 0; i < a->reference->n_rows; i++) {
                const double x = a->reference->rows[i * columns + k];
                if (isnan(x)) continue;
                if (pass == 0) sum += x, n++;
                else squares += (x - sum / n) * (x - sum / n);
            }
        a->centre[k] = n > 0 ? sum / n : 0;
        a->scale[k] = n > 0 && squares > 0 ? sqrt(squares / n) : 1;
    }
    return DESY_OK;
}

/* What a clip lacks is where the reference has its middle. */
static void scale_row(const struct assessment *a, const double *row, double *scaled)
{
    for (size_t k = 0; k < a->reference->columns; k++) scaled[k] = isnan(row[k]) ? 0 : (row[k] - a->centre[k]) / a->scale[k];
}

struct drawn {
    uint64_t key;
    size_t row;
};

static int by_key(const void *left, const void *right)
{
    const struct drawn *a = left, *b = right;
    return a->key != b->key ? (a->key > b->key) - (a->key < b->key) : (a->row > b->row) - (a->row < b->row);
}

static int compare_together(struct assessment *a, const double *reference, size_t slice)
{
    const size_t columns = a->rows->columns;
    struct desy_drift_slice *of = &a->drift->slices[slice];
    struct drawn *drawn = malloc((a->rows->n + 1) * sizeof *drawn);
    double *scaled = malloc((DESY_MMD_MOST * columns + 1) * sizeof *scaled);
    size_t n = 0;
    int rc = drawn && scaled ? DESY_OK : desy_error_memory("features");
    for (size_t i = 0; rc == DESY_OK && i < a->rows->n; i++)
        if (is_in(a, i, slice)) drawn[n++] = (struct drawn){desy_random_u64(a->seed, SAMPLE, i), i};
    if (rc == DESY_OK && n >= DESY_DRIFT_LEAST && a->reference->n_rows >= DESY_DRIFT_LEAST) {
        qsort(drawn, n, sizeof *drawn, by_key);
        if (n > DESY_MMD_MOST) n = DESY_MMD_MOST;
        for (size_t i = 0; i < n; i++) scale_row(a, a->rows->features + drawn[i].row * columns, scaled + i * columns);
        rc = desy_mmd_test(reference, a->reference->n_rows, scaled, n, columns, a->seed, PERMUTE + ((uint64_t)slice << 32), &of->mmd);
    }
    free(drawn);
    free(scaled);
    return rc;
}

static int compare_all_features(struct assessment *a)
{
    const size_t columns = a->reference->columns, n = 1 + a->drift->n_sources + a->drift->n_windows;
    double *reference = malloc((a->reference->n_rows * columns + 1) * sizeof *reference);
    int rc = reference ? measure_columns(a) : desy_error_memory("features");
    for (size_t i = 0; rc == DESY_OK && i < a->reference->n_rows; i++) scale_row(a, a->reference->rows + i * columns, reference + i * columns);
    for (size_t slice = 0; rc == DESY_OK && slice < n; slice++) rc = compare_together(a, reference, slice);
    free(reference);
    return rc;
}

/* ---- what to think of them ---- */

static bool is_judged(const struct desy_drift_comparison *c, size_t of_reference)
{
    return c->figures.n >= DESY_DRIFT_LEAST && of_reference >= DESY_DRIFT_LEAST;
}

/* Visits every test, with where its adjusted p value goes. */
static size_t each_test(struct assessment *a, double *p, double **adjusted)
{
    struct desy_drift *drift = a->drift;
    size_t n = 0;
    for (size_t slice = 0; slice < 1 + drift->n_sources + drift->n_windows; slice++) {
        struct desy_drift_slice *of = &drift->slices[slice];
        for (int s = 0; s < DESY_DRIFT_SCORES; s++)
            if (is_judged(&of->scores[s], a->reference->n_scores[s])) p[n] = of->scores[s].figures.ks_p, adjusted[n++] = &of->scores[s].adjusted;
        if (!isnan(of->mmd.p)) p[n] = of->mmd.p, adjusted[n++] = &of->mmd_adjusted;
    }
    for (size_t k = 0; k < drift->columns; k++)
        if (is_judged(&drift->features[k], a->reference->features[k].n)) p[n] = drift->features[k].figures.ks_p, adjusted[n++] = &drift->features[k].adjusted;
    return n;
}

static int adjust(struct assessment *a)
{
    const size_t most = (1 + a->drift->n_sources + a->drift->n_windows) * (DESY_DRIFT_SCORES + 1) + a->drift->columns;
    double *p = malloc(most * sizeof *p), **adjusted = malloc(most * sizeof *adjusted);
    int rc = p && adjusted ? DESY_OK : desy_error_memory("tests");
    if (rc == DESY_OK) a->drift->tests = each_test(a, p, adjusted);
    if (rc == DESY_OK) rc = desy_benjamini_hochberg(p, a->drift->tests);
    for (size_t i = 0; rc == DESY_OK && i < a->drift->tests; i++) *adjusted[i] = p[i];
    free(p);
    free(adjusted);
    return rc;
}

static void judge(struct desy_drift_comparison *c)
{
    const double psi = c->figures.psi;
    if (isnan(c->adjusted)) c->status = DESY_DRIFT_TOO_LITTLE;
    else if (psi >= DESY_PSI_DRIFT && c->adjusted < DESY_DRIFT_DRIFT_P) c->status = DESY_DRIFT_STATUS_DRIFT;
    else c->status = psi >= DESY_PSI_WATCH && c->adjusted < DESY_DRIFT_WATCH_P ? DESY_DRIFT_STATUS_WATCH : DESY_DRIFT_STABLE;
}

static void judge_all(struct desy_drift *drift)
{
    for (size_t k = 0; k < drift->columns; k++) judge(&drift->features[k]);
    for (size_t i = 0; i < 1 + drift->n_sources + drift->n_windows; i++) {
        struct desy_drift_slice *slice = &drift->slices[i];
        slice->features = isnan(slice->mmd_adjusted) ? DESY_DRIFT_TOO_LITTLE : slice->mmd_adjusted < DESY_DRIFT_DRIFT_P ? DESY_DRIFT_STATUS_WATCH : DESY_DRIFT_STABLE;
        slice->status = slice->features;
        for (int s = 0; s < DESY_DRIFT_SCORES; s++) {
            judge(&slice->scores[s]);
            if (slice->scores[s].status > slice->status) slice->status = slice->scores[s].status;
        }
    }
    for (size_t k = 0; k < drift->columns; k++)
        if (drift->features[k].status > drift->slices[0].status) drift->slices[0].status = drift->features[k].status;
}

static int open_slices(struct assessment *a, size_t windows)
{
    const size_t n = 1 + DESY_DRIFT_SOURCES + windows;
    struct desy_drift *drift = a->drift;
    int rc = DESY_OK;
    drift->slices = calloc(n, sizeof *drift->slices);
    if (!drift->slices || !(drift->slices[0].name = strdup("all"))) return desy_error_memory("slices");
    for (size_t i = 0; i < n; i++) {
        drift->slices[i].begin = drift->slices[i].end = drift->slices[i].mmd.p = drift->slices[i].mmd_adjusted = NAN;
        for (int s = 0; s < DESY_DRIFT_SCORES; s++) drift->slices[i].scores[s].adjusted = NAN;
    }
    DESY_TRY(choose_sources(a));
    DESY_TRY(choose_windows(a, windows));
    for (size_t i = 0; i < a->rows->n; i++) {
        const uint32_t source = a->slice_of_source[a->rows->rows[i].source];
        const size_t window = window_of(a, i);
        drift->slices[0].n++;
        if (source != UINT32_MAX) drift->slices[source].n++;
        if (window) drift->slices[window].n++;
    }
out:
    return rc;
}

int desy_drift_assess(const struct desy_drift_rows *rows, const struct desy_drift_reference *reference, size_t windows, uint64_t seed, struct desy_drift *drift)
{
    struct assessment a = {.rows = rows, .reference = reference, .seed = seed, .drift = drift};
    int rc = DESY_OK;
    *drift = (struct desy_drift){0};
    DESY_TRY(open_slices(&a, windows));
    for (int s = 0; s < DESY_DRIFT_SCORES; s++)
        if (reference->n_scores[s] > 0) DESY_TRY(compare_scores(&a, (enum desy_drift_score)s));
    if (rows->columns > 0) {
        DESY_TRY(compare_features(&a));
        for (size_t k = 0; k < drift->columns; k++) drift->features[k].adjusted = NAN;
        if (reference->n_rows > 0) DESY_TRY(compare_all_features(&a));
    }
    DESY_TRY(adjust(&a));
    judge_all(drift);
out:
    free(a.slice_of_source);
    free(a.centre);
    free(a.scale);
    return rc;
}

void desy_drift_close(struct desy_drift *drift)
{
    for (size_t i = 0; drift->slices && i < 1 + drift->n_sources + drift->n_windows; i++) free(drift->slices[i].name);
    free(drift->slices);
    free(drift->features);
    *drift = (struct desy_drift){0};
}
