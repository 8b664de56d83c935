/* What is done to every pixel: one table of functions for each instruction set, all of which give the same bits. Internal to features/.
 * features/scalar/ says in plain C what each one computes; features/simd/ is compiled once for each set of vector instructions. */
#ifndef DESY_FEATURES_KERNELS_H
#define DESY_FEATURES_KERNELS_H

#include "features/forensic_blocks.h"
#include "features/resize.h"

#include <stdbool.h>

#define DESY_RESIZE_ROWS 16 /* target rows that are made at once */

/* Sums of the vertical pass of a resize, of one column: high * 2^12 + low, 0 <= low < 2^12. |sum| <= 255 * 2^14 * 1.375 (1.375: the bicubic
 * kernel's sum of absolute weights), so that either half times weights, and summed, fits int32 again. */
#define DESY_RESIZE_LOW_BITS 12
struct desy_resize_column {
    int32_t high[DESY_RESIZE_ROWS], low[DESY_RESIZE_ROWS];
};

/* Sums over the 8 x 8 blocks of a region, block column b in lane b % 16, top to bottom and then left to right; index 8 u + v of
 * horizontal frequency u, vertical frequency v; index 0 is not used. */
#define DESY_DCT_LANES 16
struct desy_dct_sums {
    float magnitude[64][DESY_DCT_LANES];
    float share[64][DESY_DCT_LANES];   /* magnitude / (8 + sum of the 63) */
    double log[64][DESY_DCT_LANES];    /* ln(2 magnitude + 1) */
    double square[64][DESY_DCT_LANES]; /* of that */
};

#define DESY_TRIPLES 125 /* of levels -2..2: 25 (a + 2) + 5 (b + 2) + c + 2 */
enum desy_residual { DESY_RESIDUAL_H2, DESY_RESIDUAL_V2, DESY_RESIDUAL_H3, DESY_RESIDUAL_V3, DESY_RESIDUAL_KB, DESY_RESIDUAL_KV, DESY_RESIDUALS };
static const int8_t desy_residual_divisors[DESY_RESIDUALS] = {2, 2, 3, 3, 4, 12};

struct desy_kernels {
    const char *name; /* "scalar", "avx2", "avx512", "neon" */

    /* out[x] = sum over k = -radius..radius of weights[abs(k)] * rows[radius + k][x]; the weights, all 2 radius + 1, sum to 256. */
    void (*blur_down)(uint16_t *out, const uint8_t *const *rows, const uint16_t *weights, int radius, int width);
    /* out[x] = floor((2^15 + sum over k of weights[abs(k)] * in[x + radius + k]) / 2^16), in: of blur_down, 2 radius more. */
    void (*blur_across)(uint8_t *out, const uint16_t *in, const uint16_t *weights, int radius, int width);

    /* The vertical pass of rows first .. first + rows - 1 of the target (at most 16), `columns` of them, whatever their channel. */
    void (*resize_down)(struct desy_resize_column *sums, const uint8_t *in, ptrdiff_t stride, int columns, const struct desy_axis *axis, int first, int rows);
    /* The horizontal pass; sums[0] is of source pixel `origin`. */
    void (*resize_across)(uint8_t *out, ptrdiff_t stride, const struct desy_resize_column *sums, int channels, int origin, const struct desy_axis *axis, int rows);

    /* Adds to all of them. */
    void (*dct_sums)(struct desy_dct_sums *sums, const struct desy_region *region);

    /* How often each triple of levels lies along x, counts[0], and along y, counts[1]: residuals of the region, at most 256 x 256,
     * less 3 pixels at each border, to the nearest (ties to even), clipped to -2..2. */
    void (*count_triples)(uint32_t counts[2][DESY_TRIPLES], enum desy_residual residual, const struct desy_region *region);
};

/* The best of this processor's, or the one that the environment's DESY_SIMD names. DESY_EENV: it names none, or one that can't run here. */
int desy_kernels(const struct desy_kernels **kernels);
/* All of this program that this processor can run, the best first, at most `most`; returns how many. */
int desy_kernels_list(const struct desy_kernels **list, int most);

#endif
