/* Triples of quantised residuals. Four levels in a row are two triples: they are counted as one of 625 quadruples, which halves the increments. */
#include "features/simd/level.h"

#include <string.h>

#define MARGIN 3 /* pixels of the border without a residual */
#define ROW (DESY_SCALED_SIDE + 32) /* of pixels and levels: what is read beyond the region's width is computed with, and not counted */
#define QUADRUPLES 625

/* The five rows around one row of residuals, from pixel MARGIN of the region on. */
struct rows {
    const int16_t *row[5];
};

DESY_INLINE shorts load(const int16_t *from)
{
    shorts values;
    memcpy(&values, from, sizeof values);
    return values;
}

DESY_INLINE shorts pixels(const struct rows *rows, int dy, int x) { return load(rows->row[2 + dy] + x); }

/* The numerator of a residual: |.| <= 48 * 255. The kernels are symmetric; their rows are combined first where they have several. */
DESY_INLINE shorts numerator(enum desy_residual residual, const struct rows *rows, int x)
{
    switch (residual) {
    case DESY_RESIDUAL_H2: return pixels(rows, 0, x - 1) + pixels(rows, 0, x + 1) - 2 * pixels(rows, 0, x);
    case DESY_RESIDUAL_V2: return pixels(rows, -1, x) + pixels(rows, 1, x) - 2 * pixels(rows, 0, x);
    case DESY_RESIDUAL_H3: return pixels(rows, 0, x - 2) - pixels(rows, 0, x + 1) + 3 * (pixels(rows, 0, x) - pixels(rows, 0, x - 1));
    case DESY_RESIDUAL_V3: return pixels(rows, -2, x) - pixels(rows, 1, x) + 3 * (pixels(rows, 0, x) - pixels(rows, -1, x));
    case DESY_RESIDUAL_KB: {
        shorts near[3]; /* -(1 -2 1) down columns x - 1, x, x + 1 */
        for (int i = 0; i < 3; i++) near[i] = 2 * pixels(rows, 0, x + i - 1) - pixels(rows, -1, x + i - 1) - pixels(rows, 1, x + i - 1);
        return near[0] + near[2] - 2 * near[1];
    }
    default: {
        shorts sum = {0};
        for (int dx = -2; dx <= 2; dx++) {
            const shorts outer = pixels(rows, -2, x + dx) + pixels(rows, 2, x + dx), inner = pixels(rows, -1, x + dx) + pixels(rows, 1, x + dx);
            const shorts centre = pixels(rows, 0, x + dx);
            if (dx == 0) sum += 8 * inner - 2 * outer - 12 * centre;
            else if (dx * dx == 1) sum += 2 * outer - 6 * inner + 8 * centre;
            else sum += 2 * (inner - centre) - outer;
        }
        return sum;
    }
    }
}

/* 2 + the residual rounded (ties to even) and clipped to -2..2: 1/2 rounds to 0 and 3/2 to 2, hence > at the first step and >= at the second. */
DESY_INLINE void residual_row(int16_t levels[ROW], enum desy_residual residual, const struct rows *rows)
{
    const shorts zero = {0}, one = zero + desy_residual_divisors[residual], two = 3 * one;
    for (int x = 0; x < DESY_SCALED_SIDE; x += SHORTS) {
        const shorts twice = 2 * numerator(residual, rows, x);
        const shorts level = 2 - (twice > one) - (twice >= two) + (-twice > one) + (-twice >= two); /* true is -1 */
        memcpy(levels + x, &level, sizeof level);
    }
}

/* codes[x] = 125 levels[x] + 25 levels[x + 1] + 5 levels[x + 2] + levels[x + 3] */
DESY_INLINE void codes_along(int16_t codes[ROW], const int16_t levels[ROW])
{
    int16_t pairs[ROW];
    memset(pairs + DESY_SCALED_SIDE, 0, sizeof pairs - DESY_SCALED_SIDE * sizeof *pairs);
    for (int x = 0; x < DESY_SCALED_SIDE; x += SHORTS) {
        const shorts pair = 5 * load(levels + x) + load(levels + x + 1);
        memcpy(pairs + x, &pair, sizeof pair);
    }
    for (int x = 0; x < DESY_SCALED_SIDE; x += SHORTS) {
        const shorts code = 25 * load(pairs + x) + load(pairs + x + 2);
        memcpy(codes + x, &code, sizeof code);
    }
}

/* out = scale * high + low */
DESY_INLINE void join(int16_t out[ROW], int16_t scale, const int16_t high[ROW], const int16_t low[ROW])
{
    for (int x = 0; x < DESY_SCALED_SIDE; x += SHORTS) {
        const shorts code = scale * load(high + x) + load(low + x);
        memcpy(out + x, &code, sizeof code);
    }
}

/* Equal neighbours go to different histograms, and need not wait for each other. All that are counted are less than 2^15. */
struct quadruples {
    uint16_t counts[4][QUADRUPLES];
};

/* n codes, `step` apart. */
DESY_INLINE void count(struct quadruples *quadruples, const int16_t *codes, int n, int step)
{
    int i = 0;
    for (; i + 4 <= n; i += 4) {
        const int a = codes[i * step], b = codes[(i + 1) * step], c = codes[(i + 2) * step], d = codes[(i + 3) * step];
        quadruples->counts[0][a]++;
        quadruples->counts[1][b]++;
        quadruples->counts[2][c]++;
        quadruples->counts[3][d]++;
    }
    for (; i < n; i++) quadruples->counts[i % 4][codes[i * step]]++;
}

static void triples_of(uint32_t counts[DESY_TRIPLES], const struct quadruples *quadruples)
{
    memset(counts, 0, DESY_TRIPLES * sizeof *counts);
    for (int i = 0; i < QUADRUPLES; i++) {
        uint32_t count = 0;
        for (int k = 0; k < 4; k++) count += quadruples->counts[k][i];
        counts[i / 5] += count;
        counts[i % 125] += count;
    }
}

DESY_INLINE void widen_row(int16_t row[ROW], const uint8_t *luma, int width)
{
    for (int x = 0; x < width; x += 16)
        for (int i = 0; i < 16; i++) row[x + i] = luma[x + i];
}

DESY_INLINE void count_all(uint32_t counts[2][DESY_TRIPLES], enum desy_residual residual, const struct desy_region *region)
{
    const int width = region->width - 2 * MARGIN, height = region->height - 2 * MARGIN;
    struct quadruples along = {0}, across = {0};
    int16_t ring[8][ROW] = {{0}}, levels[2][ROW] = {{0}}, pairs[2][ROW] = {{0}}, codes[ROW];
    for (int y = 0; y < 5; y++) widen_row(ring[y], region->luma + y * region->stride, region->width);
    for (int y = 0; y < height; y++) { /* of row y + MARGIN of the region */
        struct rows rows;
        widen_row(ring[(y + 5) % 8], region->luma + (y + 5) * region->stride, region->width);
        for (int i = 0; i < 5; i++) rows.row[i] = ring[(y + 1 + i) % 8] + MARGIN;
        residual_row(levels[y % 2], residual, &rows);
        codes_along(codes, levels[y % 2]);
        count(&along, codes, (width - 2) / 2, 2);
        if (y % 2 == 0) continue;
        join(pairs[y / 2 % 2], 5, levels[0], levels[1]);
        if (y < 3) continue;
        join(codes, 25, pairs[(y / 2 + 1) % 2], pairs[y / 2 % 2]);
        count(&across, codes, width, 1);
    }
    triples_of(counts[0], &along);
    triples_of(counts[1], &across);
}

/* Each residual has loops of its own. */
void DESY_KERNEL(count_triples)(uint32_t counts[2][DESY_TRIPLES], enum desy_residual residual, const struct desy_region *region)
{
    switch (residual) {
    case DESY_RESIDUAL_H2: count_all(counts, DESY_RESIDUAL_H2, region); break;
    case DESY_RESIDUAL_V2: count_all(counts, DESY_RESIDUAL_V2, region); break;
    case DESY_RESIDUAL_H3: count_all(counts, DESY_RESIDUAL_H3, region); break;
    case DESY_RESIDUAL_V3: count_all(counts, DESY_RESIDUAL_V3, region); break;
    case DESY_RESIDUAL_KB: count_all(counts, DESY_RESIDUAL_KB, region); break;
    default: count_all(counts, DESY_RESIDUAL_KV, region);
    }
}
