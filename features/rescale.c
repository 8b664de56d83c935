/* Luma to height 256: a Gaussian when shrinking by more than 1.2, then bicubic. All in integers (docs/features.md). */
#include "base/error.h"
#include "features/forensic.h"
#include "features/forensic_blocks.h"
#include "features/kernels.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

int desy_rescale_width(int width, int height) {
    int64_t numerator = (int64_t)DESY_SCALED_HEIGHT / 2 * width, half = numerator / height, twice = 2 * (numerator % height);
    return (int)(2 * (half + (twice > height || (twice == height && half % 2))));
}

/* Mirrored without repeating the border pixel. */
static int reflect(int i, int n) {
    if (n == 1) return 0;
    while (i < 0 || i >= n) i = i < 0 ? -i : 2 * (n - 1) - i;
    return i;
}

struct plane {
    const uint8_t *luma;
    ptrdiff_t stride;
    int width, height;
};

struct blur {
    int radius;
    uint16_t *weights;    /* [radius + 1]: centre first; the whole kernel sums to 256 */
    uint16_t *column;     /* a row after the vertical pass, `radius` more on either side */
    const uint8_t **rows; /* [2 radius + 1], that one row is made of */
};

static void blur_close(struct blur *blur) {
    free(blur->weights);
    free(blur->column);
    free(blur->rows);
}

static int blur_open(struct blur *blur, int height, int columns) {
    double sigma = .35 * height / DESY_SCALED_HEIGHT, total = 0, sum = 0;
    int radius = blur->radius = ((21 * height + 1280) / 2560 + 1) / 2; /* 3 sigma, to the nearest */
    blur->weights = malloc((size_t)(radius + 1) * sizeof *blur->weights);
    blur->column = malloc(((size_t)columns + 2 * (size_t)radius) * sizeof *blur->column);
    blur->rows = malloc((2 * (size_t)radius + 1) * sizeof *blur->rows);
    if (!blur->weights || !blur->column || !blur->rows) return desy_error_memory("the blur of a frame");
    for (int k = -radius; k <= radius; k++) total += exp(-k * k / (2 * sigma * sigma));
    int before = 0;
    for (int k = radius; k > 0; k--) { /* from the outside in: differences of rounded cumulative sums */
        sum += exp(-k * k / (2 * sigma * sigma));
        int rounded = (int)floor(256 * sum / total + .5);
        blur->weights[k] = (uint16_t)(rounded - before);
        before = rounded;
    }
    blur->weights[0] = (uint16_t)(256 - 2 * before);
    return DESY_OK;
}

/* Row y, columns left .. left + columns - 1. One rounding, at the end. */
static void blur_row(struct blur *blur, uint8_t *out, int y, int left, int columns, const struct plane *plane, const struct desy_kernels *kernels) {
    int radius = blur->radius, width = plane->width, low = left - radius < 0 ? 0 : left - radius, high = left + columns + radius > width ? width : left + columns + radius;
    uint16_t *column = blur->column; /* column[0] is source column left - radius */
    uint16_t *inside = column + low - (left - radius);
    for (int k = -radius; k <= radius; k++) blur->rows[radius + k] = plane->luma + reflect(y + k, plane->height) * plane->stride + low;
    kernels->blur_down(inside, blur->rows, blur->weights, radius, high - low);
    for (int x = left - radius; x < low; x++) column[x - (left - radius)] = inside[reflect(x, width) - low];
    for (int x = high; x < left + columns + radius; x++) column[x - (left - radius)] = inside[reflect(x, width) - low];
    kernels->blur_across(out, column, blur->weights, radius, columns);
}

/* *blurred new, (height, columns): the rows that `vertical` reads. */
static int blur_open_plane(uint8_t **blurred, int left, int columns, const struct desy_axis *vertical, const struct plane *plane, const struct desy_kernels *kernels) {
    struct blur blur = {0};
    int rc = blur_open(&blur, plane->height, columns), next = 0;
    if (rc != DESY_OK) goto out;
    *blurred = malloc((size_t)plane->height * (size_t)columns);
    if (!*blurred) {
        rc = desy_error_memory("a blurred frame");
        goto out;
    }
    for (int i = 0; i < vertical->count; i++) {
        int first = vertical->first[i], end = first + vertical->taps;
        for (int y = first > next ? first : next; y < end; y++) blur_row(&blur, *blurred + (size_t)y * columns, y, left, columns, plane, kernels);
        if (end > next) next = end;
    }
out:
    blur_close(&blur);
    return rc;
}

int desy_rescale_columns(uint8_t *out, int first, int count, const uint8_t *luma, ptrdiff_t stride, int width, int height, const struct desy_kernels *kernels) {
    struct desy_axis vertical = {0}, horizontal = {0};
    const struct plane plane = {luma, stride, width, height};
    uint8_t *blurred = NULL;
    int rc;
    DESY_TRY(desy_axis_open(&vertical, DESY_FILTER_BICUBIC, height, DESY_SCALED_HEIGHT, 0, DESY_SCALED_HEIGHT));
    DESY_TRY(desy_axis_open(&horizontal, DESY_FILTER_BICUBIC, width, desy_rescale_width(width, height), first, count));
    bool blur = 5 * height > 6 * DESY_SCALED_HEIGHT;
    if (blur) {
        int left = horizontal.first[0], columns = horizontal.first[count - 1] + horizontal.taps - left;
        DESY_TRY(blur_open_plane(&blurred, left, columns, &vertical, &plane, kernels));
        DESY_TRY(desy_resize(out, blurred, columns, 1, left, &vertical, &horizontal, kernels));
    } else {
        DESY_TRY(desy_resize(out, luma, stride, 1, 0, &vertical, &horizontal, kernels));
    }
out:
    free(blurred);
    desy_axis_close(&vertical);
    desy_axis_close(&horizontal);
    return rc;
}

int desy_rescale_luma(uint8_t **scaled, int *scaled_width, const uint8_t *luma, int stride, int width, int height) {
    *scaled = NULL;
    *scaled_width = desy_rescale_width(width, height);
    if (*scaled_width < 2) return desy_error(DESY_EDATA, "a frame of %d x %d is too narrow: nothing is left of it at height %d", width, height, DESY_SCALED_HEIGHT);
    const struct desy_kernels *kernels;
    int rc = desy_kernels(&kernels);
    if (rc != DESY_OK) return rc;
    *scaled = malloc((size_t)DESY_SCALED_HEIGHT * (size_t)*scaled_width);
    if (!*scaled) return desy_error_memory("a rescaled frame");
    rc = desy_rescale_columns(*scaled, 0, *scaled_width, luma, stride, width, height, kernels);
    if (rc != DESY_OK) {
        free(*scaled);
        *scaled = NULL;
    }
    return rc;
}
