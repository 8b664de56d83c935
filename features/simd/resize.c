/* Both passes of a resize: 16 target rows at once, a column of them together in memory. */
#include "features/simd/level.h"

#include <string.h>

#define TILE 64 /* columns of a step of the vertical pass: its sums stay in the nearest cache */
#define ROWS DESY_RESIZE_ROWS
#define LOW_BITS DESY_RESIZE_LOW_BITS
typedef int32_t quad __attribute__((vector_size(16)));
typedef uint8_t octets __attribute__((vector_size(ROWS)));

/* One tile of one target row. */
DESY_INLINE void sum_rows(int32_t *restrict sum, const uint8_t *row, ptrdiff_t stride, const int16_t *weights, int taps, int width)
{
    for (int x = 0; x < width; x++) sum[x] = weights[0] * row[x];
    for (int k = 1; k < taps; k++) {
        row += stride;
        for (int x = 0; x < width; x++) sum[x] += weights[k] * row[x];
    }
}

/* 4 x 4 of a tile, lane `lane` on, into up to 4 columns. */
DESY_INLINE void split(struct desy_resize_column *columns, int lane, const int32_t *tile, int count)
{
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

/* Columns of up to ROWS target rows from `first` on. */
void DESY_KERNEL(resize_down)(struct desy_resize_column *sums, const uint8_t *in, ptrdiff_t stride, int columns, const struct desy_axis *axis, int first, int rows)
{
    for (int from = 0; from < columns; from += TILE) {
        const int width = columns - from < TILE ? columns - from : TILE;
        int32_t tile[ROWS][TILE];
        if (rows < ROWS || width < TILE) memset(tile, 0, sizeof tile);
        for (int r = 0; r < rows; r++) {
            const int16_t *weights = axis->weights + (size_t)(first + r) * axis->taps;
            const uint8_t *row = in + axis->first[first + r] * stride + from;
            if (width == TILE) sum_rows(tile[r], row, stride, weights, axis->taps, TILE);
            else sum_rows(tile[r], row, stride, weights, axis->taps, width);
        }
        for (int x = 0; x < width; x += 4)
            for (int r = 0; r < ROWS; r += 4) split(sums + from + x, r, &tile[r][x], width - x);
    }
}

/* bytes (column, lane) -> out (lane, column), by interleaving halves: 16 x 16 take 64 shuffles, not 256 stores. */
DESY_INLINE void transpose(uint8_t *out, ptrdiff_t stride, const uint8_t *bytes, int rows)
{
    octets in[ROWS], swapped[ROWS];
    memcpy(in, bytes, sizeof in);
    for (int step = 0; step < 4; step++) {
        for (int i = 0; i < ROWS / 2; i++) {
            swapped[2 * i] = __builtin_shufflevector(in[i], in[i + ROWS / 2], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            swapped[2 * i + 1] = __builtin_shufflevector(in[i], in[i + ROWS / 2], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        }
        memcpy(in, swapped, sizeof in);
    }
    for (int r = 0; r < rows; r++) memcpy(out + r * stride, &in[r], sizeof in[r]);
}

/* floor((total + 1/2 of the scale) / scale), clamped to 0..255, where total = high * 2^12 + low, in steps that lose nothing. */
DESY_INLINE integers round_pixels(integers high, integers low)
{
    integers value = (high + ((low + (1 << (2 * DESY_WEIGHT_BITS - 1))) >> LOW_BITS)) >> (2 * DESY_WEIGHT_BITS - LOW_BITS);
    value &= ~(value >> 31);
    return (value | ((255 - value) >> 31)) & 255;
}

DESY_INLINE integers load(const int32_t *from)
{
    integers values;
    memcpy(&values, from, sizeof values);
    return values;
}

/* A target column of all rows. `step`: from one source pixel to the next. */
DESY_INLINE void sum_columns(int32_t pixels[ROWS], const struct desy_resize_column *from, int step, const int16_t *weights, int taps)
{
    for (int lane = 0; lane < ROWS; lane += LANES) {
        const struct desy_resize_column *at = from;
        integers high = {0}, low = {0};
        for (int k = 0; k < taps; k++, at += step) {
            high += load(at->high + lane) * weights[k];
            low += load(at->low + lane) * weights[k];
        }
        high = round_pixels(high, low);
        memcpy(pixels + lane, &high, sizeof high);
    }
}

void DESY_KERNEL(resize_across)(uint8_t *out, ptrdiff_t stride, const struct desy_resize_column *sums, int channels, int origin, const struct desy_axis *axis, int rows)
{
    const int columns = axis->count * channels;
    for (int from = 0, x = 0, c = 0; from < columns; from += ROWS) {
        const int width = columns - from < ROWS ? columns - from : ROWS;
        int32_t pixels[ROWS * ROWS];
        uint8_t bytes[ROWS * ROWS], edge[ROWS][ROWS];
        if (width < ROWS) memset(pixels, 0, sizeof pixels);
        for (int i = 0; i < width; i++) {
            sum_columns(pixels + i * ROWS, sums + (ptrdiff_t)(axis->first[x] - origin) * channels + c, channels, axis->weights + (ptrdiff_t)x * axis->taps, axis->taps);
            if (++c == channels) c = 0, x++;
        }
        for (int i = 0; i < ROWS * ROWS; i++) bytes[i] = (uint8_t)pixels[i];
        if (width == ROWS) transpose(out + from, stride, bytes, rows);
        else {
            transpose(edge[0], ROWS, bytes, rows);
            for (int r = 0; r < rows; r++) memcpy(out + r * stride + from, edge[r], (size_t)width);
        }
    }
}
