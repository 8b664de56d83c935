#include "features/simd/level.h"

#include "features/dct_constants.h"

#include <math.h>
#include <string.h>

/* The DCT-II of 8 numbers. Sums and differences of mirrored ones come first: where a picture does not change, its AC coefficients are exactly 0. */
static void transform(float out[8], const float in[8])
{
    const float s0 = in[0] + in[7], s1 = in[1] + in[6], s2 = in[2] + in[5], s3 = in[3] + in[4];
    const float d0 = in[0] - in[7], d1 = in[1] - in[6], d2 = in[2] - in[5], d3 = in[3] - in[4];
    out[0] = ((s0 + s3) + (s1 + s2)) * C4;
    out[1] = (C1 * d0 + C3 * d1) + (C5 * d2 + C7 * d3);
    out[2] = C2 * (s0 - s3) + C6 * (s1 - s2);
    out[3] = (C3 * d0 - C7 * d1) - (C1 * d2 + C5 * d3);
    out[4] = ((s0 + s3) - (s1 + s2)) * C4;
    out[5] = (C5 * d0 - C1 * d1) + (C7 * d2 + C3 * d3);
    out[6] = C6 * (s0 - s3) - C2 * (s1 - s2);
    out[7] = (C7 * d0 - C5 * d1) + (C3 * d2 - C1 * d3);
}

static void transform_block(float magnitude[64], const uint8_t *luma, ptrdiff_t stride)
{
    float line[8], half[8][8], whole[8];
    for (int x = 0; x < 8; x++) {
        for (int y = 0; y < 8; y++) line[y] = luma[y * stride + x];
        transform(whole, line);
        for (int v = 0; v < 8; v++) half[v][x] = whole[v];
    }
    for (int v = 0; v < 8; v++) {
        transform(whole, half[v]);
        for (int u = 0; u < 8; u++) magnitude[8 * u + v] = fabsf(whole[u]);
    }
}

/* ln(x) of normal x > 0: with x = 2^e m, m from sqrt(1/2) to sqrt(2), e ln 2 + 2 atanh((m - 1) / (m + 1)) by its series. */
static float logarithm(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int32_t exponent = (bits - LOG_BEGIN) >> 23, mantissa = bits - exponent * (1 << 23);
    float m;
    memcpy(&m, &mantissa, sizeof m);
    const float s = (m - 1) / (m + 1), z = s * s;
    return (float)exponent * LN2 + (s + s) * (1 + z * (A3 + z * (A5 + z * (A7 + z * A9))));
}

static void add_texture(struct desy_dct_sums *sums, int lane, const float magnitude[64])
{
    float all[4] = {0};
    for (int k = 1; k < 64; k++) all[k % 4] += magnitude[k];
    const float inverse = 1 / (((all[0] + all[1]) + (all[2] + all[3])) + 8);
    for (int k = 1; k < 64; k++) {
        const double value = logarithm(2 * magnitude[k] + 1);
        sums->share[k][lane] += magnitude[k] * inverse;
        sums->log[k][lane] += value;
        sums->square[k][lane] += value * value;
    }
}

void DESY_KERNEL(dct_sums)(struct desy_dct_sums *sums, const struct desy_region *region)
{
    float magnitude[64];
    for (int y = 0; y < region->height; y += 8)
        for (int x = 0; x < region->width; x += 8) {
            const int lane = x / 8 % DESY_DCT_LANES;
            transform_block(magnitude, region->luma + y * region->stride + x, region->stride);
            for (int k = 1; k < 64; k++) sums->magnitude[k][lane] += magnitude[k];
            add_texture(sums, lane, magnitude);
        }
}
