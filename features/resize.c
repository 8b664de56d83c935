#include "features/resize.h"

#include "base/cpu.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 wide; /* products of three image sizes */

static int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b != 0 && a < 0); }

/* a / b to the nearest, half up. The processor divides 64 bits many times as fast as 128. */
static int64_t divide_round(wide a, wide b) {
    wide doubled = 2 * a + b, by = 2 * b;
    if ((int64_t)doubled == doubled && (int64_t)by == by) return floor_divide((int64_t)doubled, (int64_t)by);
    return (int64_t)(doubled / by - (doubled % by != 0 && doubled < 0));
}

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
        f.first = floor_divide(f.centre - to, 2 * to) - 1;
        f.taps = 4;
        break;
    case DESY_FILTER_TRIANGLE:
        f.first = clamp(floor_divide(f.centre - reach, 2 * to), 0, (int)from - 1);
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
    wide total = 0, sum = 0;
    int64_t before = 0;
    for (int k = 0; k < f->taps; k++) total += numerator(f, k);
    int first = clamp(f->first, 0, (int)f->from - axis->taps);
    axis->first[row] = first;
    for (int k = 0; k < f->taps; k++) {
        sum += numerator(f, k);
        int64_t rounded = divide_round(sum * (1 << DESY_WEIGHT_BITS), total);
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
#define LOW_BITS 12
typedef int32_t integers __attribute__((vector_size(4 * LANES)));
typedef int32_t quad __attribute__((vector_size(16)));
typedef uint8_t octets __attribute__((vector_size(LANES)));

/* Sums of the vertical pass, of one column: high * 2^12 + low, 0 <= low < 2^12. |sum| <= 255 * 2^14 * 1.375 (1.375: the bicubic kernel's
 * sum of absolute weights), so that either half times weights, and summed, fits int32 again. */
struct column {
    int32_t high[LANES], low[LANES];
};

/* One tile of one target row. */
static inline __attribute__((always_inline)) void sum_rows(int32_t *restrict sum, const uint8_t *row, ptrdiff_t stride, const int16_t *weights, int taps, int width) {
    for (int x = 0; x < width; x++) sum[x] = weights[0] * row[x];
    for (int k = 1; k < taps; k++) {
        row += stride;
        for (int x = 0; x < width; x++) sum[x] += weights[k] * row[x];
    }
}

/* 4 x 4 of a tile, lane `lane` on, into up to 4 columns. */
static inline __attribute__((always_inline)) void split(struct column *columns, int lane, const int32_t *tile, int count) {
    quad in[4], half[4];
    for (int r = 0; r < 4; r++) memcpy(&in[r], tile + r * TILE, sizeof in[r]);
    for (int i = 0; i < 2; i++) {
        half[2 * i] = __builtin_shufflevector(in[i], in[i + 2], 0, 4, 1, 5);
        half[2 * i + 1] = __builtin_shufflevector(in[i], in[i + 2], 2, 6, 3, 7);
    }
    for (int i = 0; i < 2; i++) {
        in[2 * i] = __builtin_shufflevector(half[i], half[i + 2], 0, 4, 1, 5);
        in[2 * i + 1] = __builtin_shufflevector(half[i], half[i + 2], 2, 6, 3, 7);
    }
    for (int i = 0; i < 4 && i < count; i++) {
        const quad high = in[i] >> LOW_BITS, low = in[i] & ((1 << LOW_BITS) - 1);
        memcpy(columns[i].high + lane, &high, sizeof high);
        memcpy(columns[i].low + lane, &low, sizeof low);
    }
}

/* Columns of up to LANES target rows from `first` on. */
DESY_VECTOR_CLONES static void vertical_pass(struct column *restrict sums, const uint8_t *in, ptrdiff_t stride, int columns, const struct desy_axis *axis, int first, int rows) {
    for (int from = 0; from < columns; from += TILE) {
        const int width = columns - from < TILE ? columns - from : TILE;
        int32_t tile[LANES][TILE];
        if (rows < LANES || width < TILE) memset(tile, 0, sizeof tile);
        for (int r = 0; r < rows; r++) {
            const int16_t *weights = axis->weights + (size_t)(first + r) * axis->taps;
            const uint8_t *row = in + axis->first[first + r] * stride + from;
            if (width == TILE) sum_rows(tile[r], row, stride, weights, axis->taps, TILE);
            else sum_rows(tile[r], row, stride, weights, axis->taps, width);
        }
        for (int x = 0; x < width; x += 4)
            for (int r = 0; r < LANES; r += 4) split(sums + from + x, r, &tile[r][x], width - x);
    }
}

/* bytes (column, lane) -> out (lane, column), by interleaving halves: 16 x 16 take 64 shuffles, not 256 stores. */
static inline __attribute__((always_inline)) void transpose(uint8_t *out, ptrdiff_t stride, const uint8_t *bytes, int rows) {
    octets in[LANES], swapped[LANES];
    memcpy(in, bytes, sizeof in);
    for (int step = 0; step < 4; step++) {
        for (int i = 0; i < LANES / 2; i++) {
            swapped[2 * i] = __builtin_shufflevector(in[i], in[i + LANES / 2], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            swapped[2 * i + 1] = __builtin_shufflevector(in[i], in[i + LANES / 2], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        }
        memcpy(in, swapped, sizeof in);
    }
    for (int r = 0; r < rows; r++) memcpy(out + r * stride, &in[r], sizeof in[r]);
}

/* floor((total + 1/2 of the scale) / scale), clamped to 0..255, where total = high * 2^12 + low, in steps that lose nothing. */
static inline __attribute__((always_inline)) void round_pixels(int32_t *pixels, const integers *high, const integers *low) {
    integers value = (*high + ((*low + (1 << (2 * DESY_WEIGHT_BITS - 1))) >> LOW_BITS)) >> (2 * DESY_WEIGHT_BITS - LOW_BITS);
    value &= ~(value >> 31);
    value = (value | ((255 - value) >> 31)) & 255;
    memcpy(pixels, &value, sizeof value);
}

DESY_VECTOR_CLONES static void horizontal_pass(uint8_t *restrict out, ptrdiff_t out_stride, const struct column *restrict sums, int channels, int origin, const struct desy_axis *axis, int rows) {
    const int columns = axis->count * channels;
    for (int from = 0, x = 0, c = 0; from < columns; from += LANES) {
        const int width = columns - from < LANES ? columns - from : LANES;
        int32_t pixels[LANES * LANES];
        uint8_t bytes[LANES * LANES], edge[LANES][LANES];
        if (width < LANES) memset(pixels, 0, sizeof pixels);
        for (int i = 0; i < width; i++) {
            const int16_t *weights = axis->weights + (size_t)x * axis->taps;
            const struct column *at = sums + (ptrdiff_t)(axis->first[x] - origin) * channels + c;
            integers high = {0}, low = {0}, part;
            for (int k = 0; k < axis->taps; k++, at += channels) {
                memcpy(&part, at->high, sizeof part);
                high += part * weights[k];
                memcpy(&part, at->low, sizeof part);
                low += part * weights[k];
            }
            round_pixels(pixels + i * LANES, &high, &low);
            if (++c == channels) c = 0, x++;
        }
        for (int i = 0; i < LANES * LANES; i++) bytes[i] = (uint8_t)pixels[i];
        if (width == LANES) transpose(out + from, out_stride, bytes, rows);
        else {
            transpose(edge[0], LANES, bytes, rows);
            for (int r = 0; r < rows; r++) memcpy(out + r * out_stride + from, edge[r], (size_t)width);
        }
    }
}

int desy_resize(uint8_t *out, const uint8_t *in, ptrdiff_t stride, int channels, int origin, const struct desy_axis *vertical, const struct desy_axis *horizontal) {
    int left = horizontal->first[0], columns = (horizontal->first[horizontal->count - 1] + horizontal->taps - left) * channels;
    ptrdiff_t out_stride = (ptrdiff_t)horizontal->count * channels;
    struct column *sums = calloc((size_t)columns, sizeof *sums);
    if (!sums) return desy_error_memory("rows of a resize");
    for (int y = 0; y < vertical->count; y += LANES) {
        int rows = vertical->count - y < LANES ? vertical->count - y : LANES;
        vertical_pass(sums, in + (ptrdiff_t)(left - origin) * channels, stride, columns, vertical, y, rows);
        horizontal_pass(out + y * out_stride, out_stride, sums, channels, left, horizontal, rows);
    }
    free(sums);
    return DESY_OK;
}
