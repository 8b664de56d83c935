/* Haar levels and their sums. Rows follow each other without a gap, so that all but the last vectors are full: a row's last vector runs into the
 * next row, which is written after it, or into the padding. */
#include "features/simd/level.h"

#include <string.h>

/* Two numbers of 16 bits in each lane. */
DESY_INLINE integers load_pairs(const void *from)
{
    integers pairs;
    memcpy(&pairs, from, sizeof pairs);
    return pairs;
}

DESY_INLINE void store(void *to, integers values)
{
    const half_shorts shorter = __builtin_convertvector(values, half_shorts);
    memcpy(to, &shorter, sizeof shorter);
}

DESY_INLINE integers magnitude(integers values)
{
    const integers sign = values >> 31;
    return (values ^ sign) - sign;
}

/* How many products of two numbers of a level (level from 0), each less than 2^(9 + 2 level), a lane of int32 can sum. */
DESY_INLINE int most_products(int level) { return INT32_MAX >> (18 + 4 * level); }

void DESY_KERNEL(haar_split)(uint16_t *mean, int16_t *const bands[3], const uint16_t *from, int width, int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x += LANES) {
            const integers top = load_pairs(from + 4 * y * width + 2 * x), bottom = load_pairs(from + 4 * y * width + 2 * (width + x));
            const integers p = top & 0xffff, q = (top >> 16) & 0xffff, r = bottom & 0xffff, s = (bottom >> 16) & 0xffff;
            const integers above = p + q, below = r + s, falling = p - q, rising = r - s;
            store(mean + y * width + x, above + below);
            store(bands[0] + y * width + x, falling + rising);
            store(bands[1] + y * width + x, above - below);
            store(bands[2] + y * width + x, falling - rising);
        }
    for (int b = 0; b < 3; b++) memset(bands[b] + width * height, 0, DESY_HAAR_PADDING * sizeof *bands[b]);
}

/* With the square of v = 2^s h + l, h and l below the bound of the level, all powers are sums of products of two such numbers. */
enum { VALUE, MAGNITUDE, LARGE, SQUARE, V_H, V_L, H_H, H_L, L_L, RIGHT, RIGHT_MAGNITUDE, LOWER, SUMS };

DESY_INLINE void flush(int64_t totals[SUMS], integers sums[SUMS])
{
    for (int k = 0; k < SUMS; k++) {
        for (int i = 0; i < LANES; i++) totals[k] += sums[k][i];
        sums[k] = (integers){0};
    }
}

void DESY_KERNEL(haar_sums)(struct desy_haar_sums *out, const int16_t *band, int width, int n, int level)
{
    const int shift = 9 + 2 * level, step = most_products(level) * LANES;
    int64_t totals[SUMS] = {0};
    integers sums[SUMS] = {{0}};
    for (int from = 0; from < n; from += step) {
        const int end = n - from < step ? n : from + step;
        for (int i = from; i < end; i += LANES) {
            const integers v = widen_shorts(band + i), square = v * v, h = square >> shift, l = square & ((1 << shift) - 1);
            const integers right = v * widen_shorts(band + i + 1), size = magnitude(v);
            sums[VALUE] += v;
            sums[MAGNITUDE] += size;
            sums[LARGE] -= size >= 1 << level; /* true is -1 */
            sums[SQUARE] += square;
            sums[V_H] += v * h;
            sums[V_L] += v * l;
            sums[H_H] += h * h;
            sums[H_L] += h * l;
            sums[L_L] += l * l;
            sums[RIGHT] += right;
            sums[RIGHT_MAGNITUDE] += magnitude(right);
            sums[LOWER] += v * widen_shorts(band + i + width);
        }
        flush(totals, sums);
    }
    *out = (struct desy_haar_sums){
        .value = totals[VALUE], .magnitude = totals[MAGNITUDE], .large = totals[LARGE], .square = totals[SQUARE],
        .cube = totals[V_H] * (1 << shift) + totals[V_L],
        .fourth = (((desy_wide)totals[H_H] << shift) + 2 * totals[H_L]) * (1 << shift) + totals[L_L],
        .right = totals[RIGHT], .right_magnitude = totals[RIGHT_MAGNITUDE], .lower = totals[LOWER],
    };
}

int64_t DESY_KERNEL(haar_products)(const int16_t *a, const int16_t *b, int n, int level)
{
    const int step = most_products(level) * LANES;
    int64_t total = 0;
    for (int from = 0; from < n; from += step) {
        const int end = n - from < step ? n : from + step;
        integers sum = {0};
        for (int i = from; i < end; i += LANES) sum += magnitude(widen_shorts(a + i) * widen_shorts(b + i));
        for (int i = 0; i < LANES; i++) total += sum[i];
    }
    return total;
}

void DESY_KERNEL(haar_gather)(int16_t *sums, const int16_t *fine, int width, int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x += LANES) {
            const integers top = load_pairs(fine + 4 * y * width + 2 * x), bottom = load_pairs(fine + 4 * y * width + 2 * (width + x));
            const integers left = magnitude((top << 16) >> 16) + magnitude((bottom << 16) >> 16);
            store(sums + y * width + x, left + magnitude(top >> 16) + magnitude(bottom >> 16));
        }
    memset(sums + width * height, 0, DESY_HAAR_PADDING * sizeof *sums);
}
