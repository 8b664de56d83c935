/* Third-order co-occurrences of quantised high-pass residuals (the spatial rich model). Integers up to the histograms. */
#include "base/error.h"
#include "features/forensic_blocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BINS 125   /* triples of -2..2 */
#define CLASSES 39 /* of them, up to sign and direction */
#define MARGIN 3   /* pixels of the border without a residual */

enum direction { ALONG, ACROSS, BOTH }; /* x first, y first, mean of x and y */

/* A residual is sum(coefficient[dy + 2][dx + 2] * luma[y + dy][x + dx]) / divisor. */
static const struct kernel {
    int8_t coefficient[5][5];
    int8_t divisor;
    enum direction direction;
} kernels[] = {
    {{{0}, {0}, {0, 1, -2, 1, 0}, {0}, {0}}, 2, ALONG},
    {{{0}, {0, 0, 1}, {0, 0, -2}, {0, 0, 1}, {0}}, 2, ACROSS},
    {{{0}, {0}, {1, -3, 3, -1, 0}, {0}, {0}}, 3, ALONG},
    {{{0, 0, 1}, {0, 0, -3}, {0, 0, 3}, {0, 0, -1}, {0}}, 3, ACROSS},
    {{{0}, {0, -1, 2, -1}, {0, 2, -4, 2}, {0, -1, 2, -1}, {0}}, 4, BOTH},
    {{{-1, 2, -2, 2, -1}, {2, -6, 8, -6, 2}, {-2, 8, -12, 8, -2}, {2, -6, 8, -6, 2}, {-1, 2, -2, 2, -1}}, 12, BOTH},
};
enum { KERNELS = sizeof kernels / sizeof *kernels };

/* level = 2 + the residual rounded (ties to even) and clipped to -2..2. The numerator is at most 48 * 255: twice it fits
 * int16. 1/2 rounds to 0 and 3/2 to 2, hence > at the first step and >= at the second. */
static void residual_row(uint8_t *restrict level, const struct kernel *kernel, const uint8_t *luma, ptrdiff_t stride, int width) {
    int16_t twice[DESY_SCALED_SIDE] = {0};
    for (int dy = -2; dy <= 2; dy++)
        for (int dx = -2; dx <= 2; dx++) {
            int16_t coefficient = 2 * kernel->coefficient[dy + 2][dx + 2];
            if (coefficient == 0) continue;
            const uint8_t *restrict from = luma + dy * stride + dx;
            for (int x = 0; x < width; x++) twice[x] = (int16_t)(twice[x] + coefficient * from[x]);
        }
    int16_t one = kernel->divisor, two = 3 * kernel->divisor;
    for (int x = 0; x < width; x++) level[x] = (uint8_t)(2 + (twice[x] > one) + (twice[x] >= two) - (twice[x] < -one) - (twice[x] <= -two));
}

/* Counts triples that lie `step` apart, in `rows` rows of `columns` first members. */
static void count_triples(uint32_t histogram[BINS], const uint8_t *levels, int width, int columns, int rows, int step) {
    uint32_t odd[BINS] = {0}; /* a second histogram: equal neighbours need not wait for each other */
    uint8_t triple[DESY_SCALED_SIDE];
    memset(histogram, 0, BINS * sizeof *histogram);
    for (int y = 0; y < rows; y++) {
        const uint8_t *restrict first = levels + (size_t)y * width, *restrict second = first + step, *restrict third = second + step;
        for (int x = 0; x < columns; x++) triple[x] = (uint8_t)(25 * first[x] + 5 * second[x] + third[x]);
        int x = 0;
        for (; x + 1 < columns; x += 2) {
            histogram[triple[x]]++;
            odd[triple[x + 1]]++;
        }
        if (x < columns) histogram[triple[x]]++;
    }
    for (int i = 0; i < BINS; i++) histogram[i] += odd[i];
}

/* share[c]: mean share over the members of class c: the triple, its negation, and both reversed. Classes in ascending order
 * of their smallest member. */
static void class_shares(double share[CLASSES], const uint32_t histogram[BINS], double total) {
    int c = 0;
    for (int i = 0; i < BINS; i++) {
        int reversed = i % 5 * 25 + i / 5 % 5 * 5 + i / 25;
        if (i > BINS - 1 - i || i > reversed || i > BINS - 1 - reversed) continue;
        uint32_t sum = histogram[i] + histogram[BINS - 1 - i] + histogram[reversed] + histogram[BINS - 1 - reversed];
        share[c++] = sum / (4 * total);
    }
}

int desy_cooccurrence(float *out, const struct desy_region *region) {
    int width = region->width - 2 * MARGIN, height = region->height - 2 * MARGIN;
    uint8_t *levels = malloc((size_t)width * (size_t)height);
    if (!levels) return desy_error_memory("the residuals of a frame");
    for (int k = 0; k < KERNELS; k++) {
        uint32_t histogram[BINS];
        double x_share[CLASSES], y_share[CLASSES];
        for (int y = 0; y < height; y++) residual_row(levels + (size_t)y * width, &kernels[k], region->luma + (y + MARGIN) * region->stride + MARGIN, region->stride, width);
        count_triples(histogram, levels, width, width - 2, height, 1);
        class_shares(x_share, histogram, (double)(width - 2) * height);
        count_triples(histogram, levels, width, width, height - 2, width);
        class_shares(y_share, histogram, (double)width * (height - 2));
        const double *first = kernels[k].direction == ACROSS ? y_share : x_share, *second = kernels[k].direction == ACROSS ? x_share : y_share;
        for (int c = 0; c < CLASSES; c++) *out++ = (float)sqrt(kernels[k].direction == BOTH ? (first[c] + second[c]) / 2 : first[c]);
        if (kernels[k].direction == BOTH) continue;
        for (int c = 0; c < CLASSES; c++) *out++ = (float)sqrt(second[c]);
    }
    free(levels);
    return DESY_OK;
}
