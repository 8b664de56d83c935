#include "features/resize.h"

#include "base/error.h"
#include "features/kernels.h"

#include <stdlib.h>

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

int desy_resize(uint8_t *out, const uint8_t *in, ptrdiff_t stride, int channels, int origin, const struct desy_axis *vertical, const struct desy_axis *horizontal, const struct desy_kernels *kernels) {
    int left = horizontal->first[0], columns = (horizontal->first[horizontal->count - 1] + horizontal->taps - left) * channels;
    ptrdiff_t out_stride = (ptrdiff_t)horizontal->count * channels;
    struct desy_resize_column *sums = calloc((size_t)columns, sizeof *sums);
    if (!sums) return desy_error_memory("rows of a resize");
    for (int y = 0; y < vertical->count; y += DESY_RESIZE_ROWS) {
        int rows = vertical->count - y < DESY_RESIZE_ROWS ? vertical->count - y : DESY_RESIZE_ROWS;
        kernels->resize_down(sums, in + (ptrdiff_t)(left - origin) * channels, stride, columns, vertical, y, rows);
        kernels->resize_across(out + y * out_stride, out_stride, sums, channels, left, horizontal, rows);
    }
    free(sums);
    return DESY_OK;
}
