#include "features/simd/level.h"

#include <stdlib.h>
#include <string.h>

void DESY_KERNEL(haar_split)(uint16_t *mean, int16_t *const bands[3], const uint16_t *from, int width, int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const uint16_t *top = from + 4 * y * width + 2 * x, *bottom = top + 2 * width;
            const int p = top[0], q = top[1], r = bottom[0], s = bottom[1], i = y * width + x;
            mean[i] = (uint16_t)(p + q + r + s);
            bands[0][i] = (int16_t)(p - q + r - s);
            bands[1][i] = (int16_t)(p + q - r - s);
            bands[2][i] = (int16_t)(p - q - r + s);
        }
    for (int b = 0; b < 3; b++) memset(bands[b] + width * height, 0, DESY_HAAR_PADDING * sizeof *bands[b]);
}

void DESY_KERNEL(haar_sums)(struct desy_haar_sums *sums, const int16_t *band, int width, int n, int level)
{
    *sums = (struct desy_haar_sums){0};
    for (int i = 0; i < n; i++) {
        const int64_t v = band[i];
        sums->value += v;
        sums->magnitude += labs(v);
        sums->square += v * v;
        sums->cube += v * v * v;
        sums->fourth += (desy_wide)v * v * v * v;
        sums->large += labs(v) >= 1 << level;
        sums->right += v * band[i + 1];
        sums->right_magnitude += labs(v * band[i + 1]);
        sums->lower += v * band[i + width];
    }
}

int64_t DESY_KERNEL(haar_products)(const int16_t *a, const int16_t *b, int n, int level)
{
    int64_t sum = 0;
    (void)level;
    for (int i = 0; i < n; i++) sum += abs(a[i] * b[i]);
    return sum;
}

void DESY_KERNEL(haar_gather)(int16_t *sums, const int16_t *fine, int width, int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const int16_t *top = fine + 4 * y * width + 2 * x, *bottom = top + 2 * width;
            sums[y * width + x] = (int16_t)(abs(top[0]) + abs(top[1]) + abs(bottom[0]) + abs(bottom[1]));
        }
    memset(sums + width * height, 0, DESY_HAAR_PADDING * sizeof *sums);
}
