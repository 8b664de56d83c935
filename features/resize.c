#include "features/resize.h"

#include "base/cpu.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 wide; /* products of three image sizes */

static wide floor_divide(wide a, wide b) { return a / b - (a % b != 0 && a < 0); }

static int clamp(int64_t value, int low, int high) { return value < low ? low : value > high ? high : (int)value; }

/* Where the footprint of a target pixel begins, and the weight of its tap k as an integer of any common scale. */
struct footprint {
    enum desy_filter filter;
    int64_t from, to, first;
    int64_t centre; /* of the target pixel in units of 1 / (2 to) source pixels: (2 i + 1) from */
    int taps;
};

static struct footprint footprint_of(enum desy_filter filter, int64_t from, int64_t to, int64_t i) {
    struct footprint f = {.filter = filter, .from = from, .to = to, .centre = (2 * i + 1) * from};
    int64_t reach = 2 * (from > to ? from : to); /* of the triangle, in the same units */
    switch (filter) {
    case DESY_FILTER_AREA:
        f.first = i * from / to;
        f.taps = (int)(((i + 1) * from + to - 1) / to - f.first);
        break;
    case DESY_FILTER_BICUBIC:
        f.first = (int64_t)floor_divide(f.centre - to, 2 * to) - 1;
        f.taps = 4;
        break;
    case DESY_FILTER_TRIANGLE:
        f.first = clamp((int64_t)floor_divide(f.centre - reach, 2 * to), 0, (int)from - 1);
        f.taps = clamp((f.centre + reach) / (2 * to) + 1, 1, (int)from) - (int)f.first;
        break;
    }
    return f;
}

static wide numerator(const struct footprint *f, int k) {
    int64_t j = f->first + k;
    if (f->filter == DESY_FILTER_AREA) { /* overlap of [j, j + 1) with [i, i + 1) from / to, times `to` */
        int64_t low = j * f->to, high = low + f->to, left = (f->centre - f->from) / 2, right = left + f->from;
        return (high < right ? high : right) - (low > left ? low : left);
    }
    wide s = f->centre - (2 * j + 1) * f->to; /* distance, in units of 1 / (2 to) */
    if (s < 0) s = -s;
    if (f->filter == DESY_FILTER_TRIANGLE) {
        wide reach = 2 * (f->from > f->to ? f->from : f->to);
        return s < reach ? reach - s : 0;
    }
    wide u = 2 * f->to; /* one source pixel; the kernel times 4 u^3 */
    if (s <= u) return 5 * s * s * s - 9 * s * s * u + 4 * u * u * u;
    return s < 2 * u ? -3 * s * s * s + 15 * s * s * u - 24 * s * u * u + 12 * u * u * u : 0;
}

/* Weights that sum to 2^14 exactly: differences of the rounded cumulative sums. Outside the source the border is replicated,
 * so such a tap's weight goes to the border pixel. */
static void fill(struct desy_axis *axis, int row, const struct footprint *f) {
    wide total = 0, sum = 0, before = 0;
    for (int k = 0; k < f->taps; k++) total += numerator(f, k);
    int first = clamp(f->first, 0, (int)f->from - axis->taps);
    axis->first[row] = first;
    for (int k = 0; k < f->taps; k++) {
        sum += numerator(f, k);
        wide rounded = floor_divide(sum * (2 << DESY_WEIGHT_BITS) + total, 2 * total);
        int slot = clamp(f->first + k, 0, (int)f->from - 1) - first;
        axis->weights[(size_t)row * axis->taps + slot] += (int16_t)(rounded - before);
        before = rounded;
    }
}

int desy_axis_open(struct desy_axis *axis, enum desy_filter filter, int from, int to, int offset, int count) {
    *axis = (struct desy_axis){.count = count};
    for (int i = 0; i < count; i++) {
        int taps = footprint_of(filter, from, to, offset + i).taps;
        if (taps > axis->taps) axis->taps = taps;
    }
    if (axis->taps > from) axis->taps = from;
    axis->first = malloc((size_t)count * sizeof *axis->first);
    axis->weights = calloc((size_t)count * axis->taps, sizeof *axis->weights);
    if (!axis->first || !axis->weights) {
        desy_axis_close(axis);
        return desy_error_memory("the weights of a resize");
    }
    for (int i = 0; i < count; i++) {
        struct footprint f = footprint_of(filter, from, to, offset + i);
        fill(axis, i, &f);
    }
    return DESY_OK;
}

void desy_axis_close(struct desy_axis *axis) {
    free(axis->first);
    free(axis->weights);
    *axis = (struct desy_axis){0};
}

#define LANES 16 /* target rows that are made at once */
#define TILE 64  /* columns of a step of the vertical pass: its sums stay in the nearest cache */
typedef int32_t integers __attribute__((vector_size(2 * LANES))); /* half of the lanes */
typedef double doubles __attribute__((vector_size(4 * LANES)));

/* One tile of one target row. */
static inline __attribute__((always_inline)) void sum_rows(int32_t *restrict sum, const uint8_t *row, ptrdiff_t stride, const int16_t *weights, int taps, int width) {
    for (int x = 0; x < width; x++) sum[x] = weights[0] * row[x];
    for (int k = 1; k < taps; k++) {
        row += stride;
        for (int x = 0; x < width; x++) sum[x] += weights[k] * row[x];
    }
}

/* sums[column][lane] of up to LANES target rows from `first` on. |sum| <= 255 * 2^14 * 1.375 (the bicubic kernel's sum of absolute
 * weights): fits int32. */
DESY_VECTOR_CLONES static void vertical_pass(int32_t (*restrict sums)[LANES], const uint8_t *in, ptrdiff_t stride, int columns, const struct desy_axis *axis, int first, int rows) {
    for (int from = 0; from < columns; from += TILE) {
        const int width = columns - from < TILE ? columns - from : TILE;
        int32_t tile[LANES][TILE];
        for (int r = 0; r < rows; r++) {
            const int16_t *weights = axis->weights + (size_t)(first + r) * axis->taps;
            const uint8_t *row = in + axis->first[first + r] * stride + from;
            if (width == TILE) sum_rows(tile[r], row, stride, weights, axis->taps, TILE);
            else sum_rows(tile[r], row, stride, weights, axis->taps, width);
        }
        for (int x = 0; x < width; x++)
            for (int r = 0; r < rows; r++) sums[from + x][r] = tile[r][x];
    }
}

/* floor((total + 1/2 of the scale) / scale), clamped. Rounding toward 0: what is below 0 becomes 0. */
static inline __attribute__((always_inline)) void round_pixels(int32_t *pixels, const doubles *total) {
    const double half = (double)(1 << (2 * DESY_WEIGHT_BITS - 1)), scale = 1.0 / (1 << (2 * DESY_WEIGHT_BITS));
    integers value = __builtin_convertvector((*total + half) * scale, integers), over = value > 255;
    value = ((value & (value > 0)) & ~over) | (255 & over);
    memcpy(pixels, &value, sizeof value);
}

/* In double, where every product and every sum is a whole number below 2^53: exact. */
DESY_VECTOR_CLONES static void horizontal_pass(uint8_t *restrict out, ptrdiff_t out_stride, int32_t (*restrict sums)[LANES], int channels, int origin, const struct desy_axis *axis, int rows) {
    for (int x = 0; x < axis->count; x++) {
        const int16_t *weights = axis->weights + (size_t)x * axis->taps;
        for (int c = 0; c < channels; c++) {
            int32_t (*at)[LANES] = sums + (ptrdiff_t)(axis->first[x] - origin) * channels + c, pixels[LANES];
            doubles low = {0}, high = {0};
            for (int k = 0; k < axis->taps; k++, at += channels) {
                integers lows, highs;
                memcpy(&lows, *at, sizeof lows);
                memcpy(&highs, *at + LANES / 2, sizeof highs);
                low += __builtin_convertvector(lows, doubles) * (double)weights[k];
                high += __builtin_convertvector(highs, doubles) * (double)weights[k];
            }
            round_pixels(pixels, &low);
            round_pixels(pixels + LANES / 2, &high);
            for (int r = 0; r < rows; r++) out[r * out_stride + x * channels + c] = (uint8_t)pixels[r];
        }
    }
}

int desy_resize(uint8_t *out, const uint8_t *in, ptrdiff_t stride, int channels, int origin, const struct desy_axis *vertical, const struct desy_axis *horizontal) {
    int left = horizontal->first[0], columns = (horizontal->first[horizontal->count - 1] + horizontal->taps - left) * channels;
    ptrdiff_t out_stride = (ptrdiff_t)horizontal->count * channels;
    int32_t (*sums)[LANES] = calloc((size_t)columns, sizeof *sums);
    if (!sums) return desy_error_memory("rows of a resize");
    for (int y = 0; y < vertical->count; y += LANES) {
        int rows = vertical->count - y < LANES ? vertical->count - y : LANES;
        vertical_pass(sums, in + (ptrdiff_t)(left - origin) * channels, stride, columns, vertical, y, rows);
        horizontal_pass(out + y * out_stride, out_stride, sums, channels, left, horizontal, rows);
    }
    free(sums);
    return DESY_OK;
}
