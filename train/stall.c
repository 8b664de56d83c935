#include "train/stall.h"

#include "base/cpu.h"
#include "base/error.h"
#include "features/clip.h"
#include "model/model.h"
#include "mpi/fixed_sum.h"
#include "train/temporal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EIGENVALUE 1e-5
#define NO_STEP 1e-6 /* of the longest feature vector */

/* Frames or steps of one clip. */
struct samples {
    double *x; /* (DESY_MAX_FRAMES, D) */
    int n;
};

static int samples_open(struct samples samples[DESY_STALL_PARTS], int dims)
{
    for (int part = 0; part < DESY_STALL_PARTS; part++) {
        samples[part].x = malloc(DESY_MAX_FRAMES * (size_t)dims * sizeof(double));
        if (!samples[part].x) return desy_error_memory("the frames of a clip");
    }
    return DESY_OK;
}

static void samples_close(struct samples samples[DESY_STALL_PARTS])
{
    for (int part = 0; part < DESY_STALL_PARTS; part++) free(samples[part].x);
}

static double length(const double *x, size_t n)
{
    double sum = 0;
    for (size_t d = 0; d < n; d++) sum += x[d] * x[d];
    return sqrt(sum);
}

/* Both parts of a clip; of one without a score none. */
static int take_samples(struct samples samples[DESY_STALL_PARTS], const struct desy_stall_clip *clip, int dims)
{
    const size_t n = (size_t)dims;
    double *frames = samples[DESY_STALL_FRAMES].x, *steps = samples[DESY_STALL_STEPS].x, longest = 0;
    int kept = 0;
    if (clip->n_frames < 1 || clip->n_frames > DESY_MAX_FRAMES) return desy_error(DESY_EDATA, "a clip of %d frames, where 1 to %d can be", clip->n_frames, DESY_MAX_FRAMES);
    for (int t = 0; t < clip->n_frames; t++) {
        for (size_t d = 0; d < n; d++) frames[(size_t)t * n + d] = (double)clip->features[(size_t)t * clip->stride + d];
        const double norm = length(frames + (size_t)t * n, n);
        if (!isfinite(norm)) return desy_error(DESY_EDATA, "a feature is not finite: extract these videos again");
        longest = fmax(longest, norm);
    }
    for (int t = 0; t + 1 < clip->n_frames; t++) {
        double *step = steps + (size_t)kept * n;
        for (size_t d = 0; d < n; d++) step[d] = frames[(size_t)(t + 1) * n + d] - frames[(size_t)t * n + d];
        const double norm = length(step, n);
        if (norm <= NO_STEP * longest) continue;
        for (size_t d = 0; d < n; d++) step[d] /= norm;
        kept++;
    }
    const bool present = kept > 0 && clip->n_frames >= DESY_TEMPORAL_LEAST_FRAMES;
    samples[DESY_STALL_FRAMES].n = present ? clip->n_frames : 0;
    samples[DESY_STALL_STEPS].n = present ? kept : 0;
    return DESY_OK;
}

/* ---- sums over the ranks ---- */

/* What one rank adds up, in fixed point: x, and the lower triangle of x x^T. */
struct moments {
    int64_t *first, *second; /* (D), (D (D + 1) / 2) */
    int exponent;            /* of first */
    int exponent_second;
    int64_t n;               /* samples, of all ranks */
};

struct fitting {
    struct desy_stall *stall;
    desy_world *world;
    size_t count;
    desy_stall_reader *read;
    void *context;
    struct samples samples[DESY_STALL_PARTS];
    struct moments moments[DESY_STALL_PARTS];
    double *row; /* (D) */
};

static size_t triangle(const struct desy_stall *stall)
{
    return (size_t)stall->dims * ((size_t)stall->dims + 1) / 2;
}

static int read_clip(struct fitting *fitting, size_t i)
{
    struct desy_stall_clip clip;
    int rc = fitting->read(fitting->context, i, &clip);
    return rc == DESY_OK ? take_samples(fitting->samples, &clip, fitting->stall->dims) : rc;
}

/* Collective: how many clips and samples there are, and how large their numbers: what the fixed point needs to know. */
static int survey(struct fitting *fitting)
{
    const struct desy_stall *stall = fitting->stall;
    int64_t counts[1 + DESY_STALL_PARTS] = {0};
    double bound[DESY_STALL_PARTS] = {0, 1};
    int rc = DESY_OK;
    for (size_t i = 0; rc == DESY_OK && i < fitting->count; i++) {
        rc = read_clip(fitting, i);
        const struct samples *frames = &fitting->samples[DESY_STALL_FRAMES];
        if (rc != DESY_OK || frames->n == 0) continue;
        counts[0]++;
        for (int part = 0; part < DESY_STALL_PARTS; part++) counts[1 + part] += fitting->samples[part].n;
        for (size_t d = 0; d < (size_t)frames->n * (size_t)stall->dims; d++) bound[DESY_STALL_FRAMES] = fmax(bound[DESY_STALL_FRAMES], fabs(frames->x[d]));
    }
    rc = desy_agree(fitting->world, rc);
    if (rc != DESY_OK) return rc;
    desy_sum_i64(fitting->world, counts, 1 + DESY_STALL_PARTS);
    desy_max_f64(fitting->world, bound, DESY_STALL_PARTS);
    if (counts[0] < 2) return desy_error(DESY_EDATA, "%lld real clips that move, where the likelihood of real ones needs two", (long long)counts[0]);
    fitting->stall->count = (size_t)counts[0];
    for (int part = 0; part < DESY_STALL_PARTS; part++) {
        struct moments *moments = &fitting->moments[part];
        moments->n = counts[1 + part];
        const double most = DESY_MAX_FRAMES * bound[part] * (1 + 1e-9); /* a unit vector may be a little longer */
        moments->exponent = desy_fixed_exponent(most, (uint64_t)counts[0]);
        moments->exponent_second = desy_fixed_exponent(most * bound[part] * (1 + 1e-9), (uint64_t)counts[0]);
    }
    return DESY_OK;
}

/* sums[b] = sum over t of x_t[a] x_t[b], b <= a. */
DESY_VECTOR_CLONES static void products(double *restrict sums, const double *restrict x, int samples, size_t dims, size_t a)
{
    for (size_t b = 0; b <= a; b++) sums[b] = 0;
    for (int t = 0; t < samples; t++) {
        const double *restrict row = x + (size_t)t * dims;
        for (size_t b = 0; b <= a; b++) sums[b] += row[a] * row[b];
    }
}

/* One clip's samples: plain sums within it, then fixed point. */
static int add_clip(struct moments *moments, const struct samples *samples, size_t dims, double *row)
{
    int rc = DESY_OK;
    memset(row, 0, dims * sizeof *row);
    for (int t = 0; t < samples->n; t++)
        for (size_t d = 0; d < dims; d++) row[d] += samples->x[(size_t)t * dims + d];
    DESY_TRY(desy_fixed_add(moments->first, row, dims, moments->exponent));
    for (size_t a = 0; a < dims; a++) {
        products(row, samples->x, samples->n, dims, a);
        DESY_TRY(desy_fixed_add(moments->second + a * (a + 1) / 2, row, a + 1, moments->exponent_second));
    }
out:
    return rc;
}

static int add_clips(struct fitting *fitting)
{
    const size_t dims = (size_t)fitting->stall->dims;
    int rc = DESY_OK;
    for (size_t i = 0; i < fitting->count; i++) {
        DESY_TRY(read_clip(fitting, i));
        for (int part = 0; part < DESY_STALL_PARTS; part++)
            if (fitting->samples[part].n > 0) DESY_TRY(add_clip(&fitting->moments[part], &fitting->samples[part], dims, fitting->row));
    }
out:
    return rc;
}

/* ---- whitening ---- */

/* From the mean of x x^T, lower triangle. */
static int whiten(struct desy_stall_part *part, const double *second, int dims)
{
    const size_t n = (size_t)dims;
    double *covariance = malloc(n * n * sizeof *covariance), *values = malloc(n * sizeof *values);
    int rc = covariance && values ? DESY_OK : desy_error_memory("a covariance");
    DESY_TRY(rc);
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b <= a; b++) covariance[a * n + b] = covariance[b * n + a] = second[a * (a + 1) / 2 + b] - part->mean[a] * part->mean[b];
    DESY_TRY(desy_eigh(covariance, dims, dims, values, part->whitening));
    for (size_t k = 0; k < n; k++) {
        const double scale = 1 / sqrt(fmax(0, values[k]) + EIGENVALUE); /* below 0 is rounding */
        for (size_t d = 0; d < n; d++) part->whitening[k * n + d] *= scale;
    }
out:
    free(covariance);
    free(values);
    return rc;
}

/* Collective. */
static int finish_part(struct fitting *fitting, int which)
{
    struct desy_stall_part *part = &fitting->stall->parts[which];
    struct moments *moments = &fitting->moments[which];
    const size_t dims = (size_t)fitting->stall->dims, size = triangle(fitting->stall);
    double *second = malloc(size * sizeof *second);
    int rc = desy_agree(fitting->world, second ? DESY_OK : desy_error_memory("a covariance"));
    DESY_TRY(rc);
    desy_fixed_finish(fitting->world, moments->first, part->mean, dims, moments->exponent);
    desy_fixed_finish(fitting->world, moments->second, second, size, moments->exponent_second);
    for (size_t d = 0; d < dims; d++) part->mean[d] /= (double)moments->n;
    for (size_t i = 0; i < size; i++) second[i] /= (double)moments->n;
    DESY_TRY(desy_agree(fitting->world, desy_rank(fitting->world) == 0 ? whiten(part, second, fitting->stall->dims) : DESY_OK));
    desy_broadcast(fitting->world, part->whitening, dims * dims * sizeof(double), 0);
out:
    free(second);
    return rc;
}

/* ---- likelihood ---- */

enum { TOGETHER = 16, ROWS = 4 }; /* samples and eigenvectors at a time */
typedef double lanes __attribute__((vector_size(TOGETHER / 2 * sizeof(double)), aligned(8), may_alias));

/* Adds the squares of `rows` whitened numbers of each column of x (D, TOGETHER), centred already. */
static inline __attribute__((always_inline)) void add_squares(lanes squares[2], const double *x, const double *whitening, size_t dims, int rows)
{
    lanes z[ROWS][2] = {{{0}}};
    for (size_t d = 0; d < dims; d++) {
        const lanes left = *(const lanes *)(x + d * TOGETHER), right = *(const lanes *)(x + d * TOGETHER + TOGETHER / 2);
        for (int r = 0; r < rows; r++) {
            z[r][0] += whitening[(size_t)r * dims + d] * left;
            z[r][1] += whitening[(size_t)r * dims + d] * right;
        }
    }
    for (int r = 0; r < rows; r++) {
        squares[0] += z[r][0] * z[r][0];
        squares[1] += z[r][1] * z[r][1];
    }
}

DESY_VECTOR_CLONES static void whitened_squares(double squares[TOGETHER], const double *x, const double *whitening, size_t dims)
{
    lanes sums[2] = {{0}};
    size_t k = 0;
    for (; k + ROWS <= dims; k += ROWS) add_squares(sums, x, whitening + k * dims, dims, ROWS);
    for (; k < dims; k++) add_squares(sums, x, whitening + k * dims, dims, 1);
    memcpy(squares, sums, sizeof sums);
}

/* Log-likelihoods of all samples; room (D, TOGETHER). */
static void likelihoods(double *out, const struct desy_stall_part *part, const struct samples *samples, size_t dims, double *room)
{
    double squares[TOGETHER];
    for (int from = 0; from < samples->n; from += TOGETHER) {
        const int n = samples->n - from < TOGETHER ? samples->n - from : TOGETHER;
        memset(room, 0, dims * TOGETHER * sizeof *room);
        for (int t = 0; t < n; t++)
            for (size_t d = 0; d < dims; d++) room[d * TOGETHER + (size_t)t] = samples->x[(size_t)(from + t) * dims + d] - part->mean[d];
        whitened_squares(squares, room, part->whitening, dims);
        for (int t = 0; t < n; t++) out[from + t] = -.5 * ((double)dims * log(2 * M_PI) + squares[t]);
    }
}

static void judge(const struct desy_stall *stall, double *likelihood, bool *present, const struct samples samples[DESY_STALL_PARTS], double *room)
{
    double all[DESY_MAX_FRAMES];
    likelihood[DESY_STALL_FRAMES] = likelihood[DESY_STALL_STEPS] = 0;
    *present = samples[DESY_STALL_FRAMES].n > 0;
    for (int part = 0; *present && part < DESY_STALL_PARTS; part++) {
        likelihoods(all, &stall->parts[part], &samples[part], (size_t)stall->dims, room);
        double best = all[0];
        for (int t = 1; t < samples[part].n; t++) best = part == DESY_STALL_FRAMES ? fmax(best, all[t]) : fmin(best, all[t]);
        likelihood[part] = best;
    }
}

int desy_stall_likelihood(const struct desy_stall *stall, double *likelihood, bool *present, const struct desy_stall_clip *clip)
{
    struct samples samples[DESY_STALL_PARTS] = {{0}};
    double *room = malloc((size_t)stall->dims * TOGETHER * sizeof *room);
    int rc = room ? samples_open(samples, stall->dims) : desy_error_memory("the frames of a clip");
    DESY_TRY(rc);
    DESY_TRY(take_samples(samples, clip, stall->dims));
    judge(stall, likelihood, present, samples, room);
out:
    samples_close(samples);
    free(room);
    return rc;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Collective: the training reals' own likelihoods, sorted. */
static int judge_reals(struct fitting *fitting)
{
    struct desy_stall *stall = fitting->stall;
    double *room = malloc((size_t)stall->dims * TOGETHER * sizeof *room);
    double *mine[DESY_STALL_PARTS] = {malloc((fitting->count + 1) * sizeof(double)), malloc((fitting->count + 1) * sizeof(double))};
    size_t n = 0, total;
    int rc = room && mine[0] && mine[1] ? DESY_OK : desy_error_memory("likelihoods");
    for (size_t i = 0; rc == DESY_OK && i < fitting->count; i++) {
        double likelihood[DESY_STALL_PARTS];
        bool present = false;
        rc = read_clip(fitting, i);
        if (rc == DESY_OK) judge(stall, likelihood, &present, fitting->samples, room);
        for (int part = 0; present && part < DESY_STALL_PARTS; part++) mine[part][n] = likelihood[part];
        n += present;
    }
    DESY_TRY(desy_agree(fitting->world, rc));
    for (int part = 0; part < DESY_STALL_PARTS; part++) {
        DESY_TRY(desy_gatherall(fitting->world, mine[part], n, sizeof(double), (void **)&stall->parts[part].reals, &total));
        qsort(stall->parts[part].reals, total, sizeof(double), compare);
    }
out:
    free(room);
    for (int part = 0; part < DESY_STALL_PARTS; part++) free(mine[part]);
    return rc;
}

/* ---- all of it ---- */

static int fitting_open(struct fitting *fitting)
{
    struct desy_stall *stall = fitting->stall;
    const size_t dims = (size_t)stall->dims;
    fitting->row = malloc(dims * sizeof(double));
    bool good = fitting->row != NULL;
    for (int part = 0; part < DESY_STALL_PARTS; part++) {
        struct moments *moments = &fitting->moments[part];
        moments->first = calloc(dims, sizeof *moments->first);
        moments->second = calloc(triangle(stall), sizeof *moments->second);
        stall->parts[part].mean = malloc(dims * sizeof(double));
        stall->parts[part].whitening = malloc(dims * dims * sizeof(double));
        good = good && moments->first && moments->second && stall->parts[part].mean && stall->parts[part].whitening;
    }
    return good ? samples_open(fitting->samples, stall->dims) : desy_error_memory("a covariance");
}

int desy_stall_fit(struct desy_stall *stall, desy_world *world, int dims, size_t count, desy_stall_reader *read, void *context)
{
    struct fitting fitting = {.stall = stall, .world = world, .count = count, .read = read, .context = context};
    int rc;
    *stall = (struct desy_stall){.dims = dims};
    if (dims < 1) return desy_error(DESY_EUSAGE, "features of %d numbers", dims);
    DESY_TRY(desy_agree(world, fitting_open(&fitting)));
    DESY_TRY(survey(&fitting));
    DESY_TRY(desy_agree(world, add_clips(&fitting)));
    for (int part = 0; part < DESY_STALL_PARTS; part++) DESY_TRY(finish_part(&fitting, part));
    DESY_TRY(judge_reals(&fitting));
out:
    samples_close(fitting.samples);
    for (int part = 0; part < DESY_STALL_PARTS; part++) {
        free(fitting.moments[part].first);
        free(fitting.moments[part].second);
    }
    free(fitting.row);
    return rc;
}

void desy_stall_close(struct desy_stall *stall)
{
    for (int part = 0; part < DESY_STALL_PARTS; part++) {
        free(stall->parts[part].mean);
        free(stall->parts[part].whitening);
        free(stall->parts[part].reals);
    }
    *stall = (struct desy_stall){0};
}

double desy_stall_percentile(const struct desy_stall *stall, int part, double likelihood)
{
    const double *reals = stall->parts[part].reals;
    size_t below = 0, equal = 0;
    for (size_t i = 0; i < stall->count; i++) {
        below += reals[i] < likelihood;
        equal += reals[i] == likelihood;
    }
    return ((double)below + .5 * (double)equal) / (double)stall->count;
}

double desy_stall_score(const struct desy_stall *stall, const double *likelihood)
{
    return (desy_stall_percentile(stall, DESY_STALL_FRAMES, likelihood[DESY_STALL_FRAMES]) + desy_stall_percentile(stall, DESY_STALL_STEPS, likelihood[DESY_STALL_STEPS])) / 2;
}
