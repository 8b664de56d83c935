#include "features/plane.h"

#include "base/cpu.h"
#include "base/error.h"

#include <math.h>
#include <stdlib.h>

static int clamp(int i, int n)
{
    return i < 0 ? 0 : i < n ? i : n - 1;
}

/* Weights of offsets -radius to radius; they sum to 1. */
static void gaussian(float *weights, int radius, double sigma)
{
    double sum = 0;
    for (int k = -radius; k <= radius; k++) sum += exp(-k * k / (2 * sigma * sigma));
    for (int k = -radius; k <= radius; k++) weights[k + radius] = (float)(exp(-k * k / (2 * sigma * sigma)) / sum);
}

/* sums (n) += weight * row (n) */
DESY_VECTOR_CLONES static void add_weighted(float *restrict sums, const float *restrict row, float weight, int n)
{
    for (int x = 0; x < n; x++) sums[x] += weight * row[x];
}

int desy_plane_blur(uint8_t *plane, ptrdiff_t stride, int width, int height, double sigma)
{
    const int radius = (int)ceil(3 * sigma);
    const size_t w = (size_t)width;
    float *across = malloc((size_t)height * w * sizeof *across), *line = malloc((3 * w + 4 * (size_t)radius + 1) * sizeof *line);
    int rc = across && line ? DESY_OK : desy_error_memory("a blur");
    if (rc != DESY_OK) goto out;
    float *weights = line + w + 2 * radius, *sums = weights + 2 * radius + 1;
    gaussian(weights, radius, sigma);
    for (int y = 0; y < height; y++) { /* across, of rows that go on beyond their ends */
        for (int x = -radius; x < width + radius; x++) line[x + radius] = plane[y * stride + clamp(x, width)];
        float *row = across + (size_t)y * w;
        for (int x = 0; x < width; x++) row[x] = 0;
        for (int k = 0; k <= 2 * radius; k++) add_weighted(row, line + k, weights[k], width);
    }
    for (int y = 0; y < height; y++) { /* down */
        for (int x = 0; x < width; x++) sums[x] = 0;
        for (int k = -radius; k <= radius; k++) add_weighted(sums, across + (size_t)clamp(y + k, height) * w, weights[k + radius], width);
        for (int x = 0; x < width; x++) plane[y * stride + x] = (uint8_t)(sums[x] + .5f); /* within 0 to 255, as the weights sum to 1 */
    }
out:
    free(across);
    free(line);
    return rc;
}

static void swap(uint8_t *a, uint8_t *b)
{
    const uint8_t kept = *a;
    *a = *b, *b = kept;
}

void desy_plane_mirror(uint8_t *plane, ptrdiff_t stride, int width, int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width / 2; x++) swap(&plane[y * stride + x], &plane[y * stride + width - 1 - x]);
}

void desy_plane_turn_over(uint8_t *plane, ptrdiff_t stride, int width, int height)
{
    for (int y = 0; y < height / 2; y++)
        for (int x = 0; x < width; x++) swap(&plane[y * stride + x], &plane[(height - 1 - y) * stride + x]);
}
