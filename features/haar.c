/* Statistics of four levels of the orthonormal Haar transform. Coefficients are integers over 2^level: sums of them and of
 * their products are exact, and so are means, variances, moments and covariances up to their last division. */
#include "base/error.h"
#include "features/forensic_blocks.h"
#include "features/kernels.h"

#include <math.h>
#include <stdlib.h>

#define LEVELS 4
#define BANDS 3 /* H (left minus right), V (top minus bottom), D (diagonal) */

struct level {
    int width, height;
    int unit; /* the coefficient 1 */
    int16_t *band[BANDS];
    struct desy_haar_sums sums[BANDS];
};

/* Of a row or column of coefficients: what sums over all but it lack. */
struct line {
    int64_t value, magnitude, square;
};

static struct line line_of(const int16_t *from, int n, int step) {
    struct line line = {0};
    for (int i = 0; i < n; i++, from += step) {
        line.value += *from;
        line.magnitude += abs(*from);
        line.square += *from * *from;
    }
    return line;
}

/* Pearson correlation of n pairs of integers by their sums, with 1e-6 added below; 0 of none. `unit`: product of their units. */
static double correlation(int64_t n, int64_t a, int64_t b, int64_t aa, int64_t bb, int64_t ab, double unit) {
    if (n == 0) return 0;
    double scale = 1 / (unit * (double)n), spread = sqrt((double)(n * aa - a * a)) * sqrt((double)(n * bb - b * b)) * scale;
    return (double)(n * ab - a * b) * scale / (spread + 1e-6);
}

/* The 8 numbers of a band. */
static float *band_statistics(float *out, const struct level *level, int b) {
    const int16_t *band = level->band[b];
    const struct desy_haar_sums *sums = &level->sums[b];
    const int width = level->width, height = level->height;
    const int64_t count = width * height, value = sums->value, square = sums->square;
    const double n = (double)count, unit = level->unit;
    /* n^2 and n^3 times the central moments' sums, whole numbers below 2^102 */
    const desy_wide third = (desy_wide)count * count * sums->cube - 3 * (desy_wide)count * value * square + 2 * (desy_wide)value * value * value;
    const desy_wide fourth = count * ((desy_wide)count * count * sums->fourth - 4 * (desy_wide)count * value * sums->cube + 6 * (desy_wide)value * value * square) -
                             3 * (desy_wide)value * value * value * value;
    const double variance = (double)(count * square - value * value) / (n * n * unit * unit) + 1e-3, z = 1 / (unit * sqrt(variance));
    const struct line left = line_of(band, height, width), right = line_of(band + width - 1, height, width);
    const struct line top = line_of(band, width, 1), bottom = line_of(band + (ptrdiff_t)(height - 1) * width, width, 1);
    int64_t beside = sums->right, beside_magnitude = sums->right_magnitude; /* less those of one row's end and the next row's beginning */
    for (int y = 1; y < height; y++) {
        const int product = band[y * width - 1] * band[y * width];
        beside -= product;
        beside_magnitude -= abs(product);
    }
    *out++ = (float)(.5 * log(variance));
    *out++ = (float)((double)third / (n * n * n) * z * z * z);
    *out++ = (float)log1p((double)fourth / (n * n * n * n) * z * z * z * z);
    *out++ = (float)((double)sums->magnitude / n * z);
    *out++ = (float)((double)(count - sums->large) / n);
    *out++ = (float)correlation(count - height, value - left.value, value - right.value, square - left.square, square - right.square, beside, unit * unit);
    *out++ = (float)correlation(count - width, value - top.value, value - bottom.value, square - top.square, square - bottom.square, sums->lower, unit * unit);
    *out++ = (float)correlation(count - height, sums->magnitude - left.magnitude, sums->magnitude - right.magnitude, square - left.square, square - right.square,
                                beside_magnitude, unit * unit);
    return out;
}

/* The correlations of the magnitudes of two bands. */
static float *pair_statistics(float *out, const struct level *level, int number, const struct desy_kernels *kernels) {
    static const int pairs[BANDS][2] = {{0, 1}, {0, 2}, {1, 2}};
    for (int p = 0; p < BANDS; p++) {
        const int a = pairs[p][0], b = pairs[p][1], n = level->width * level->height;
        *out++ = (float)correlation(n, level->sums[a].magnitude, level->sums[b].magnitude, level->sums[a].square, level->sums[b].square,
                                    kernels->haar_products(level->band[a], level->band[b], n, number), (double)level->unit * level->unit);
    }
    return out;
}

/* The 2 numbers that tie a band to the same band one level up, `number`. `gathered`: room for a band of `parent`. */
static float *parent_statistics(float *out, const struct level *level, const struct level *parent, int number, int b, int16_t *gathered, const struct desy_kernels *kernels) {
    const int n = parent->width * parent->height;
    const int64_t fine = level->sums[b].magnitude, coarse = parent->sums[b].magnitude;
    kernels->haar_gather(gathered, level->band[b], parent->width, parent->height);
    *out++ = (float)correlation(n, fine, coarse, kernels->haar_products(gathered, gathered, n, number), parent->sums[b].square,
                                kernels->haar_products(gathered, parent->band[b], n, number), (double)level->unit * parent->unit);
    *out++ = (float)log(((double)fine / n / level->unit / 4 + .02) / ((double)coarse / n / parent->unit + .02));
    return out;
}

int desy_haar_statistics(float *out, const struct desy_region *region, const struct desy_kernels *kernels) {
    size_t area = (size_t)region->width * (size_t)region->height;
    uint16_t *from = malloc((area + DESY_HAAR_PADDING) * sizeof *from), *to = malloc((area / 4 + DESY_HAAR_PADDING) * sizeof *to);
    int16_t *bands = malloc((area + LEVELS * BANDS * DESY_HAAR_PADDING) * sizeof *bands); /* 3 (1/4 + 1/16 + ...) < 1 of the area */
    struct level levels[LEVELS];
    int rc = DESY_OK;
    if (!from || !to || !bands) {
        rc = desy_error_memory("the wavelet bands of a frame");
        goto out;
    }
    for (int y = 0; y < region->height; y++)
        for (int x = 0; x < region->width; x++) from[(size_t)y * region->width + x] = region->luma[y * region->stride + x];
    int16_t *next = bands;
    for (int l = 0; l < LEVELS; l++) {
        struct level *level = &levels[l];
        *level = (struct level){.width = region->width >> (l + 1), .height = region->height >> (l + 1), .unit = 2 << l};
        const int n = level->width * level->height;
        for (int b = 0; b < BANDS; b++, next += n + DESY_HAAR_PADDING) level->band[b] = next;
        kernels->haar_split(to, level->band, from, level->width, level->height);
        uint16_t *swap = from;
        from = to;
        to = swap;
        for (int b = 0; b < BANDS; b++) {
            kernels->haar_sums(&level->sums[b], level->band[b], level->width, n, l);
            out = band_statistics(out, level, b);
        }
        out = pair_statistics(out, level, l, kernels);
    }
    for (int l = 0; l + 1 < LEVELS; l++)
        for (int b = 0; b < BANDS; b++) out = parent_statistics(out, &levels[l], &levels[l + 1], l + 1, b, (int16_t *)to, kernels);
out:
    free(from);
    free(to);
    free(bands);
    return rc;
}
