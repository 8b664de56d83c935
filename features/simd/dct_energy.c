/* Sums over 8 x 8 blocks: a vector holds one coefficient of as many blocks as it has lanes. */
#include "features/simd/level.h"

#include "features/dct_constants.h"

#include <string.h>

#define ROW (8 * DESY_DCT_LANES) /* bytes of a row of the blocks that are done together */

#if DESY_VECTOR_BYTES == 64
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif DESY_VECTOR_BYTES == 32
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD 1, 3, 5, 7, 9, 11, 13, 15
#else
#define EVEN 0, 2, 4, 6
#define ODD 1, 3, 5, 7
#endif

/* The DCT-II of 8 numbers. */
DESY_INLINE void transform(floats out[8], const floats in[8])
{
    const floats s0 = in[0] + in[7], s1 = in[1] + in[6], s2 = in[2] + in[5], s3 = in[3] + in[4];
    const floats d0 = in[0] - in[7], d1 = in[1] - in[6], d2 = in[2] - in[5], d3 = in[3] - in[4];
    out[0] = ((s0 + s3) + (s1 + s2)) * C4;
    out[1] = (C1 * d0 + C3 * d1) + (C5 * d2 + C7 * d3);
    out[2] = C2 * (s0 - s3) + C6 * (s1 - s2);
    out[3] = (C3 * d0 - C7 * d1) - (C1 * d2 + C5 * d3);
    out[4] = ((s0 + s3) - (s1 + s2)) * C4;
    out[5] = (C5 * d0 - C1 * d1) + (C7 * d2 + C3 * d3);
    out[6] = C6 * (s0 - s3) - C2 * (s1 - s2);
    out[7] = (C7 * d0 - C5 * d1) + (C3 * d2 - C1 * d3);
}

/* magnitude[8 u + v] of LANES blocks side by side. */
DESY_INLINE void transform_blocks(floats magnitude[64], const uint8_t *luma, ptrdiff_t stride)
{
    integers pixels[2][8]; /* left and right halves of the blocks' rows, 4 pixels a lane */
    floats column[8], half[8][8];
    for (int y = 0; y < 8; y++) {
        integers low, high;
        memcpy(&low, luma + y * stride, sizeof low);
        memcpy(&high, luma + y * stride + sizeof low, sizeof high);
        pixels[0][y] = __builtin_shufflevector(low, high, EVEN);
        pixels[1][y] = __builtin_shufflevector(low, high, ODD);
    }
    for (int x = 0; x < 8; x++) {
        for (int y = 0; y < 8; y++) column[y] = __builtin_convertvector((pixels[x / 4][y] >> (8 * (x % 4))) & 255, floats);
        transform(column, column);
        for (int v = 0; v < 8; v++) half[v][x] = column[v];
    }
    for (int v = 0; v < 8; v++) {
        transform(column, half[v]);
        for (int u = 0; u < 8; u++) magnitude[8 * u + v] = (floats)((integers)column[u] & 0x7fffffff);
    }
}

/* ln(x) of normal x > 0: with x = 2^e m, m from sqrt(1/2) to sqrt(2), e ln 2 + 2 atanh((m - 1) / (m + 1)) by its series. */
DESY_INLINE floats logarithm(floats x)
{
    const integers bits = (integers)x, exponent = (bits - LOG_BEGIN) >> 23;
    const floats m = (floats)(bits - (exponent << 23)), s = (m - 1) / (m + 1), z = s * s;
    return __builtin_convertvector(exponent, floats) * LN2 + (s + s) * (1 + z * (A3 + z * (A5 + z * (A7 + z * A9))));
}

DESY_INLINE void add(float sums[DESY_DCT_LANES], int first, floats values)
{
    floats sum;
    memcpy(&sum, sums + first, sizeof sum);
    sum += values;
    memcpy(sums + first, &sum, sizeof sum);
}

DESY_INLINE void add_texture(struct desy_dct_sums *sums, int first, float logarithms[64][DESY_DCT_LANES], const floats magnitude[64])
{
    floats all[4] = {{0}};
    for (int k = 1; k < 64; k++) all[k % 4] += magnitude[k];
    const floats inverse = 1 / (((all[0] + all[1]) + (all[2] + all[3])) + 8);
    for (int k = 1; k < 64; k++) {
        const floats value = logarithm(2 * magnitude[k] + 1);
        add(sums->share[k], first, magnitude[k] * inverse);
        memcpy(logarithms[k] + first, &value, sizeof value);
    }
}

static void add_logarithms(struct desy_dct_sums *restrict sums, float logarithms[64][DESY_DCT_LANES])
{
    double *restrict log = sums->log[1], *restrict square = sums->square[1];
    const float *restrict values = logarithms[1];
    for (int i = 0; i < 63 * DESY_DCT_LANES; i++) {
        const double value = values[i];
        log[i] += value;
        square[i] += value * value;
    }
}

/* 16 blocks side by side. */
static void add_blocks(struct desy_dct_sums *sums, const uint8_t *luma, ptrdiff_t stride)
{
    float logarithms[64][DESY_DCT_LANES];
    floats magnitude[64];
    for (int first = 0; first < DESY_DCT_LANES; first += LANES) {
        transform_blocks(magnitude, luma + 8 * first, stride);
        for (int k = 1; k < 64; k++) add(sums->magnitude[k], first, magnitude[k]);
        add_texture(sums, first, logarithms, magnitude);
    }
    add_logarithms(sums, logarithms);
}

void DESY_KERNEL(dct_sums)(struct desy_dct_sums *sums, const struct desy_region *region)
{
    uint8_t last[8][ROW] = {{0}}; /* black blocks add 0 to every sum */
    for (int y = 0; y < region->height; y += 8) {
        const uint8_t *row = region->luma + y * region->stride;
        int x = 0;
        for (; x + ROW <= region->width; x += ROW) add_blocks(sums, row + x, region->stride);
        if (x == region->width) continue;
        for (int i = 0; i < 8; i++) memcpy(last[i], row + i * region->stride + x, (size_t)(region->width - x));
        add_blocks(sums, last[0], ROW);
    }
}
