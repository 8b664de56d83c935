#include "features/simd/level.h"

#include <string.h>

#define MARGIN 3 /* pixels of the border without a residual */
#define MOST (DESY_SCALED_SIDE - 2 * MARGIN)

/* A residual is sum(coefficient[dy + 2][dx + 2] * luma[y + dy][x + dx]) / divisor. */
static const int8_t coefficients[DESY_RESIDUALS][5][5] = {
    [DESY_RESIDUAL_H2] = {{0}, {0}, {0, 1, -2, 1, 0}, {0}, {0}},
    [DESY_RESIDUAL_V2] = {{0}, {0, 0, 1}, {0, 0, -2}, {0, 0, 1}, {0}},
    [DESY_RESIDUAL_H3] = {{0}, {0}, {1, -3, 3, -1, 0}, {0}, {0}},
    [DESY_RESIDUAL_V3] = {{0, 0, 1}, {0, 0, -3}, {0, 0, 3}, {0, 0, -1}, {0}},
    [DESY_RESIDUAL_KB] = {{0}, {0, -1, 2, -1}, {0, 2, -4, 2}, {0, -1, 2, -1}, {0}},
    [DESY_RESIDUAL_KV] = {{-1, 2, -2, 2, -1}, {2, -6, 8, -6, 2}, {-2, 8, -12, 8, -2}, {2, -6, 8, -6, 2}, {-1, 2, -2, 2, -1}},
};

/* level = 2 + the residual rounded (ties to even) and clipped to -2..2. 1/2 rounds to 0 and 3/2 to 2, hence > at the first step and >= at
 * the second. */
static void residual_row(uint8_t *levels, enum desy_residual residual, const uint8_t *luma, ptrdiff_t stride, int width)
{
    int twice[MOST] = {0}, one = desy_residual_divisors[residual], two = 3 * one;
    for (int dy = -2; dy <= 2; dy++)
        for (int dx = -2; dx <= 2; dx++) {
            const int coefficient = 2 * coefficients[residual][dy + 2][dx + 2];
            if (coefficient == 0) continue;
            for (int x = 0; x < width; x++) twice[x] += coefficient * luma[dy * stride + x + dx];
        }
    for (int x = 0; x < width; x++) levels[x] = (uint8_t)(2 + (twice[x] > one) + (twice[x] >= two) - (twice[x] < -one) - (twice[x] <= -two));
}

void DESY_KERNEL(count_triples)(uint32_t counts[2][DESY_TRIPLES], enum desy_residual residual, const struct desy_region *region)
{
    const int width = region->width - 2 * MARGIN, height = region->height - 2 * MARGIN;
    uint8_t levels[MOST][MOST];
    memset(counts, 0, 2 * sizeof *counts);
    for (int y = 0; y < height; y++) residual_row(levels[y], residual, region->luma + (y + MARGIN) * region->stride + MARGIN, region->stride, width);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width - 2; x++) counts[0][25 * levels[y][x] + 5 * levels[y][x + 1] + levels[y][x + 2]]++;
    for (int y = 0; y < height - 2; y++)
        for (int x = 0; x < width; x++) counts[1][25 * levels[y][x] + 5 * levels[y + 1][x] + levels[y + 2][x]]++;
}
