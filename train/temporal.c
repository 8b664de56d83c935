#include "train/temporal.h"

#include "base/error.h"
#include "features/clip.h"
#include "features/warp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TTR_MOST 20      /* where frame t + 2 is frame t again */
#define TINY 1e-6        /* beside a variance that may be 0 */

/* What several channels start from. n frames f_0 .. f_{n-1}. */
struct desy_temporal_motion {
    const struct desy_temporal_clip *clip;
    int n;
    double norm;                   /* the largest |f_t| */
    double step[DESY_MAX_FRAMES];  /* [n - 1] |f_{t+1} - f_t| */
    double twice[DESY_MAX_FRAMES]; /* [n - 2] |f_{t+2} - f_t| */
    double angle[DESY_MAX_FRAMES]; /* [n - 2] between steps t and t + 1, radians; 0 where one of them is 0 */
};

static double mean(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    return sum / n;
}

static double mean_magnitude(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += fabs(x[i]);
    return sum / n;
}

/* ddof 0: of these n; ddof 1: of what they are a sample of. */
static double variance(const double *x, int n, int ddof)
{
    double centre = mean(x, n), sum = 0;
    for (int i = 0; i < n; i++) sum += (x[i] - centre) * (x[i] - centre);
    return sum / (n - ddof);
}

static double smallest(const double *x, int n)
{
    double least = x[0];
    for (int i = 1; i < n; i++) least = fmin(least, x[i]);
    return least;
}

static double largest(const double *x, int n)
{
    double most = x[0];
    for (int i = 1; i < n; i++) most = fmax(most, x[i]);
    return most;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *x, int n)
{
    double sorted[DESY_MAX_FRAMES];
    memcpy(sorted, x, (size_t)n * sizeof *x);
    qsort(sorted, (size_t)n, sizeof *sorted, compare);
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

/* out[n - 1] */
static void differences(double *out, const double *x, int n)
{
    for (int i = 0; i + 1 < n; i++) out[i] = x[i + 1] - x[i];
}

static const float *row(const struct desy_temporal_motion *motion, int t)
{
    return motion->clip->features + (size_t)t * motion->clip->stride;
}

static double distance(const float *a, const float *b, int dims)
{
    double sum = 0;
    for (int d = 0; d < dims; d++) {
        double difference = (double)b[d] - (double)a[d];
        sum += difference * difference;
    }
    return sqrt(sum);
}

/* Of the steps a to b and b to c, neither of them 0. */
static double turn(const float *a, const float *b, const float *c, int dims, double first, double second)
{
    double dot = 0;
    for (int d = 0; d < dims; d++) dot += ((double)b[d] - (double)a[d]) * ((double)c[d] - (double)b[d]);
    return acos(fmax(-1, fmin(1, dot / (first * second))));
}

static void measure(struct desy_temporal_motion *motion)
{
    const int n = motion->n, dims = motion->clip->dims;
    for (int t = 0; t < n; t++) {
        double square = 0;
        for (int d = 0; d < dims; d++) square += (double)row(motion, t)[d] * (double)row(motion, t)[d];
        motion->norm = fmax(motion->norm, sqrt(square));
    }
    for (int t = 0; t + 1 < n; t++) motion->step[t] = distance(row(motion, t), row(motion, t + 1), dims);
    for (int t = 0; t + 2 < n; t++) {
        motion->twice[t] = distance(row(motion, t), row(motion, t + 2), dims);
        if (motion->step[t] > 0 && motion->step[t + 1] > 0)
            motion->angle[t] = turn(row(motion, t), row(motion, t + 1), row(motion, t + 2), dims, motion->step[t], motion->step[t + 1]);
    }
}

static void fill_d3(double *values, const struct desy_temporal_motion *motion)
{
    double change[DESY_MAX_FRAMES];
    differences(change, motion->step, motion->n - 1);
    *values = sqrt(variance(change, motion->n - 2, 1));
}

static void fill_d3_vec(double *values, const struct desy_temporal_motion *motion)
{
    const int n = motion->n, dims = motion->clip->dims;
    double sum = 0, second[DESY_MAX_FRAMES];
    for (int d = 0; d < dims; d++) {
        for (int t = 1; t + 1 < n; t++) second[t - 1] = (double)row(motion, t + 1)[d] - 2 * (double)row(motion, t)[d] + (double)row(motion, t - 1)[d];
        sum += sqrt(variance(second, n - 2, 1));
    }
    *values = -sum / dims;
}

static void fill_ttr(double *values, const struct desy_temporal_motion *motion)
{
    const int n = motion->n;
    double once = mean(motion->step, n - 1) * (n - 1), twice = mean(motion->twice, n - 2) * (n - 1) / 2;
    *values = log2(once / fmax(twice, ldexp(once, -TTR_MOST)));
}

/* The first `most`, their mean in place of those that a short clip lacks. */
static double *put_first(double *values, const double *x, int n, int most)
{
    for (int i = 0; i < most; i++) *values++ = i < n ? x[i] : mean(x, n);
    return values;
}

static double *put_summary(double *values, const double *x, int n)
{
    const double summary[4] = {mean(x, n), smallest(x, n), largest(x, n), variance(x, n, 0)};
    memcpy(values, summary, sizeof summary);
    return values + 4;
}

static void fill_restrav(double *values, const struct desy_temporal_motion *motion)
{
    values = put_first(values, motion->step, motion->n - 1, 7);
    values = put_first(values, motion->angle, motion->n - 2, 6);
    values = put_summary(values, motion->step, motion->n - 1);
    put_summary(values, motion->angle, motion->n - 2);
}

/* Number k of the warp rows from `from` on: out[n - from]. */
static int warp_course(double *out, const struct desy_temporal_motion *motion, int k, int from)
{
    for (int t = from; t < motion->n; t++) out[t - from] = (double)motion->clip->warp[(size_t)t * motion->clip->stride + (size_t)k];
    return motion->n - from;
}

static void fill_energy(double *values, const struct desy_temporal_motion *motion)
{
    double energy[DESY_MAX_FRAMES], change[DESY_MAX_FRAMES], bend[DESY_MAX_FRAMES], product = 0;
    const int n = warp_course(energy, motion, DESY_WARP_ENERGY, 0);
    differences(change, energy, n);
    differences(bend, change, n - 1);
    for (int t = 0; t + 2 < n; t++) product += change[t] * change[t + 1] / (n - 2);
    const double spread = variance(change, n - 1, 0), middle = median(energy, n);
    const double all[7] = {sqrt(variance(energy, n, 0)), mean_magnitude(change, n - 1), sqrt(spread), mean_magnitude(bend, n - 2),
                           product / (spread + TINY), largest(energy, n) - middle, middle - smallest(energy, n)};
    memcpy(values, all, sizeof all);
}

static void fill_warp(double *values, const struct desy_temporal_motion *motion)
{
    double course[DESY_MAX_FRAMES];
    for (int k = 0; k < DESY_WARP_ENERGY; k++) {
        const int n = warp_course(course, motion, k, 1);
        *values++ = mean(course, n);
        if (k != DESY_WARP_LEVEL) *values++ = sqrt(variance(course, n, 0));
        if (k == DESY_WARP_NOISE) *values++ = smallest(course, n);
        if (k == DESY_WARP_NOISE) *values++ = largest(course, n);
    }
}

#define D3_SOURCE "Zheng et al., D3: training-free AI-generated video detection using second-order features, 2025"
#define WARP_SOURCE "own; the flow after Kroeger et al., Fast optical flow using dense inverse search, ECCV 2016"

const struct desy_temporal_channel desy_temporal_channels[DESY_TEMPORAL_CHANNELS + 1] = {
    {"d3", 0, 1, "features", "sd (ddof 1) of a_{t+1} - a_t, a_t = norm of f_{t+1} - f_t", D3_SOURCE, fill_d3},
    {"d3_vec", 1, 1, "features", "-mean over dims of the sd (ddof 1) over t of f_{t+1} - 2 f_t + f_{t-1}", D3_SOURCE, fill_d3_vec},
    {"ttr", 2, 1, "features", "log2(L1 / L2), L1 = sum of norms of f_{t+1} - f_t, L2 = (n-1) / (2 (n-2)) sum of norms of f_{t+2} - f_t; at most 20", "published under the name TTR", fill_ttr},
    {"restrav", 3, 21, "features", "first 7 step lengths, first 6 angles between steps; mean, min, max, variance of all lengths, of all angles", "ReStraV (Interno et al., 2025)", fill_restrav},
    {"energy", 24, 7, "warp", "course le: sd; of its differences d: mean abs, sd, mean abs d2, mean d_t d_{t+1} / (var d + 1e-6); max - median; median - min", "own", fill_energy},
    {"warp", 31, 13, "warp", "over pairs: mean, sd of warp_noise_energy; mean, sd, min, max of warp_noise; mean, sd of warp_detail, warp_place, warp_tail; mean of warp_level", WARP_SOURCE, fill_warp},
    {0},
};

static bool all_finite(const struct desy_temporal_clip *clip)
{
    for (int t = 0; t < clip->n_frames; t++) {
        for (int d = 0; d < clip->dims; d++)
            if (!isfinite(clip->features[(size_t)t * clip->stride + (size_t)d])) return false;
        for (int k = 0; clip->warp && k < DESY_WARP_DIMS; k++)
            if (!isfinite(clip->warp[(size_t)t * clip->stride + (size_t)k])) return false;
    }
    return true;
}

int desy_temporal(double *values, bool *present, const struct desy_temporal_clip *clip)
{
    struct desy_temporal_motion motion = {.clip = clip, .n = clip->n_frames};
    memset(values, 0, DESY_TEMPORAL_DIMS * sizeof *values);
    *present = false;
    if (clip->n_frames < 1 || clip->n_frames > clip->frames || clip->n_frames > DESY_MAX_FRAMES)
        return desy_error(DESY_EDATA, "a clip of %d frames, where 1 to %d are stored and at most %d can be", clip->n_frames, clip->frames, DESY_MAX_FRAMES);
    if (!all_finite(clip)) return desy_error(DESY_EDATA, "a feature is not finite: extract these videos again");
    if (clip->n_frames < DESY_TEMPORAL_LEAST_FRAMES) return DESY_OK;
    measure(&motion);
    if (largest(motion.step, motion.n - 1) <= DESY_TEMPORAL_STATIC_STEP * motion.norm) return DESY_OK;
    *present = true;
    for (const struct desy_temporal_channel *channel = desy_temporal_channels; channel->name; channel++)
        if (clip->warp || channel->first < DESY_TEMPORAL_FEATURE_DIMS) channel->fill(values + channel->first, &motion);
    return DESY_OK;
}
