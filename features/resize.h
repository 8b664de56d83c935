/* Separable 8-bit resizing in integers, internal to features/. The arithmetic is stated in docs/features.md. */
#ifndef DESY_FEATURES_RESIZE_H
#define DESY_FEATURES_RESIZE_H

#include <stddef.h>
#include <stdint.h>

struct desy_kernels;

enum desy_filter {
    DESY_FILTER_AREA,     /* mean over what a target pixel covers; shrinking only */
    DESY_FILTER_BICUBIC,  /* Keys' kernel with a = -0.75, 4 taps, replicated border */
    DESY_FILTER_TRIANGLE, /* bilinear; when shrinking widened by the ratio (antialiased) */
};

#define DESY_WEIGHT_BITS 14

/* What target pixel i of one axis is made of: source pixels first[i] .. first[i] + taps - 1, each times its weight;
 * the weights of a pixel sum to 2^14. All reads are inside the source. */
struct desy_axis {
    int count, taps;
    int *first;       /* [count], ascending */
    int16_t *weights; /* [count][taps] */
};

/* The target pixels offset .. offset + count - 1 of an axis resized from `from` to `to` pixels. DESY_EENV: memory. */
int desy_axis_open(struct desy_axis *axis, enum desy_filter filter, int from, int to, int offset, int count);
void desy_axis_close(struct desy_axis *axis);

/* out (vertical->count, horizontal->count, channels), packed. Both passes exact, one rounding (half up), clamped to 0..255.
 * Column 0 of `in` is source column `origin`, for a caller that has only the columns that are read. DESY_EENV: memory. */
int desy_resize(uint8_t *out, const uint8_t *in, ptrdiff_t stride, int channels, int origin, const struct desy_axis *vertical, const struct desy_axis *horizontal, const struct desy_kernels *kernels);

#endif
