/* Statistics of four levels of the orthonormal Haar transform. Coefficients are integers over 2^level: sums of them and of
 * their products are exact, and so are means, variances and covariances up to their last division. */
#include "base/error.h"
#include "features/forensic_blocks.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define LEVELS 4
#define BANDS 3 /* H (left minus right), V (top minus bottom), D (diagonal) */

struct level {
    int width, height;
    int unit; /* the coefficient 1 */
    int16_t *band[BANDS], *magnitude[BANDS];
};

/* 2 x 2 sums and differences of `from` (2 width wide). At level 4 they are at most 255 * 256 and 255 * 128. */
static void split(uint16_t *restrict mean, struct level *level, const uint16_t *restrict from) {
    int width = level->width;
    for (int y = 0; y < level->height; y++) {
        const uint16_t *restrict top = from + (size_t)4 * y * width, *restrict bottom = top + 2 * width;
        int16_t *restrict h = level->band[0] + (size_t)y * width, *restrict v = level->band[1] + (size_t)y * width, *restrict d = level->band[2] + (size_t)y * width;
        for (int x = 0; x < width; x++) {
            int p = top[2 * x], q = top[2 * x + 1], r = bottom[2 * x], s = bottom[2 * x + 1];
            mean[(size_t)y * width + x] = (uint16_t)(p + q + r + s);
            h[x] = (int16_t)(p - q + r - s);
            v[x] = (int16_t)(p + q - r - s);
            d[x] = (int16_t)(p - q - r + s);
        }
    }
    for (int b = 0; b < BANDS; b++)
        for (int i = 0; i < width * level->height; i++) level->magnitude[b][i] = (int16_t)abs(level->band[b][i]);
}

/* Pearson correlation of two arrays (height, width), with 1e-6 added below; 0 for empty ones. `unit`: product of their units. */
static double correlation(const int16_t *a, int a_stride, const int16_t *b, int b_stride, int width, int height, double unit) {
    int64_t n = (int64_t)width * height, sum_a = 0, sum_b = 0, sum_aa = 0, sum_bb = 0, sum_ab = 0;
    if (n == 0) return 0;
    for (int y = 0; y < height; y++, a += a_stride, b += b_stride) {
        int32_t row_a = 0, row_b = 0;
        for (int x = 0; x < width; x++) {
            row_a += a[x];
            row_b += b[x];
            sum_aa += a[x] * a[x];
            sum_bb += b[x] * b[x];
            sum_ab += a[x] * b[x];
        }
        sum_a += row_a;
        sum_b += row_b;
    }
    double scale = 1 / (unit * (double)n);
    double covariance = (double)(n * sum_ab - sum_a * sum_b) * scale;
    double spread = sqrt((double)(n * sum_aa - sum_a * sum_a)) * sqrt((double)(n * sum_bb - sum_b * sum_b)) * scale;
    return covariance / (spread + 1e-6);
}

static double sum_of(const int16_t *values, int n) {
    int64_t sum = 0;
    for (int i = 0; i < n; i++) sum += values[i];
    return (double)sum;
}

/* The 8 numbers of a band. */
static float *band_statistics(float *out, const struct level *level, int b) {
    const int16_t *band = level->band[b], *magnitude = level->magnitude[b];
    int width = level->width, height = level->height, count = width * height;
    double n = count, unit = level->unit, cube = 0, fourth = 0;
    int64_t sum = 0, square = 0, small = 0;
    for (int i = 0; i < count; i++) {
        sum += band[i];
        square += band[i] * band[i];
        small += 2 * magnitude[i] < level->unit;
    }
    double mean = (double)sum / n, variance = (double)(count * square - sum * sum) / (n * n * unit * unit) + 1e-3, deviation = sqrt(variance);
    for (int i = 0; i < count; i++) {
        double centred = band[i] - mean, two = centred * centred;
        cube += two * centred;
        fourth += two * two;
    }
    double z = 1 / (unit * deviation);
    *out++ = (float)(.5 * log(variance));
    *out++ = (float)(cube / n * z * z * z);
    *out++ = (float)log1p(fourth / n * z * z * z * z);
    *out++ = (float)(sum_of(magnitude, count) / n * z);
    *out++ = (float)((double)small / n);
    *out++ = (float)correlation(band + 1, width, band, width, width - 1, height, unit * unit);
    *out++ = (float)correlation(band + width, width, band, width, width, height - 1, unit * unit);
    *out++ = (float)correlation(magnitude + 1, width, magnitude, width, width - 1, height, unit * unit);
    return out;
}

/* The 2 numbers that tie a band to the same band one level up. `sums`: room for a band of `parent`. */
static float *parent_statistics(float *out, const struct level *level, const struct level *parent, int b, int16_t *restrict sums) {
    int width = parent->width, n = width * parent->height;
    for (int y = 0; y < parent->height; y++) {
        const int16_t *restrict top = level->magnitude[b] + (size_t)4 * y * width, *restrict bottom = top + 2 * width;
        for (int x = 0; x < width; x++) sums[(size_t)y * width + x] = (int16_t)(top[2 * x] + top[2 * x + 1] + bottom[2 * x] + bottom[2 * x + 1]);
    }
    *out++ = (float)correlation(sums, width, parent->magnitude[b], width, width, parent->height, (double)level->unit * parent->unit);
    double fine = sum_of(sums, n) / n / level->unit / 4, coarse = sum_of(parent->magnitude[b], n) / n / parent->unit;
    *out++ = (float)log((fine + .02) / (coarse + .02));
    return out;
}

int desy_haar_statistics(float *out, const struct desy_region *region) {
    size_t area = (size_t)region->width * (size_t)region->height;
    uint16_t *from = malloc(area * sizeof *from), *to = malloc(area / 4 * sizeof *to);
    int16_t *bands = malloc(area * 2 * BANDS * sizeof *bands); /* 1/4 + 1/16 + ... < 1 of the area each */
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
        for (int b = 0; b < BANDS; b++) {
            level->band[b] = next;
            level->magnitude[b] = next += (size_t)level->width * (size_t)level->height;
            next += (size_t)level->width * (size_t)level->height;
        }
        split(to, level, from);
        uint16_t *swap = from;
        from = to;
        to = swap;
        for (int b = 0; b < BANDS; b++) out = band_statistics(out, level, b);
        static const int pairs[BANDS][2] = {{0, 1}, {0, 2}, {1, 2}};
        for (int p = 0; p < BANDS; p++)
            *out++ = (float)correlation(level->magnitude[pairs[p][0]], level->width, level->magnitude[pairs[p][1]], level->width, level->width, level->height,
                                        (double)level->unit * level->unit);
    }
    for (int l = 0; l + 1 < LEVELS; l++)
        for (int b = 0; b < BANDS; b++) out = parent_statistics(out, &levels[l], &levels[l + 1], b, (int16_t *)to);
out:
    free(from);
    free(to);
    free(bands);
    return rc;
}
