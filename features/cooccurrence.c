/* Third-order co-occurrences of quantised high-pass residuals (the spatial rich model). Integers up to the histograms. */
#include "features/forensic_blocks.h"
#include "features/kernels.h"

#include <math.h>

#define CLASSES 39 /* of triples, up to sign and direction */
#define MARGIN 3   /* pixels of the border without a residual */

/* share[c]: mean share over the members of class c: the triple, its negation, and both reversed. Classes in ascending order
 * of their smallest member. */
static void class_shares(double share[CLASSES], const uint32_t counts[DESY_TRIPLES], double total) {
    int c = 0;
    for (int i = 0; i < DESY_TRIPLES; i++) {
        int last = DESY_TRIPLES - 1, reversed = i % 5 * 25 + i / 5 % 5 * 5 + i / 25;
        if (i > last - i || i > reversed || i > last - reversed) continue;
        uint32_t sum = counts[i] + counts[last - i] + counts[reversed] + counts[last - reversed];
        share[c++] = sum / (4 * total);
    }
}

/* (x, y): of the triples along x and along y. */
static void shares_of(double x[CLASSES], double y[CLASSES], enum desy_residual residual, const struct desy_region *region, const struct desy_kernels *kernels)
{
    const int width = region->width - 2 * MARGIN, height = region->height - 2 * MARGIN;
    uint32_t counts[2][DESY_TRIPLES];
    kernels->count_triples(counts, residual, region);
    class_shares(x, counts[0], (double)(width - 2) * height);
    class_shares(y, counts[1], (double)width * (height - 2));
}

/* What a transposed picture would give is averaged with what this one gives: a filter along x and its triples along x go with the
 * filter along y and its triples along y. */
void desy_cooccurrence(float *out, const struct desy_region *region, const struct desy_kernels *kernels)
{
    static const enum desy_residual pairs[][2] = {{DESY_RESIDUAL_H2, DESY_RESIDUAL_V2}, {DESY_RESIDUAL_H3, DESY_RESIDUAL_V3}};
    static const enum desy_residual alone[] = {DESY_RESIDUAL_KB, DESY_RESIDUAL_KV};
    double x[2][CLASSES], y[2][CLASSES];
    for (int p = 0; p < 2; p++, out += 2 * CLASSES) {
        for (int k = 0; k < 2; k++) shares_of(x[k], y[k], pairs[p][k], region, kernels);
        for (int c = 0; c < CLASSES; c++) out[c] = (float)sqrt((x[0][c] + y[1][c]) / 2), out[CLASSES + c] = (float)sqrt((y[0][c] + x[1][c]) / 2);
    }
    for (int p = 0; p < 2; p++, out += CLASSES) {
        shares_of(x[0], y[0], alone[p], region, kernels);
        for (int c = 0; c < CLASSES; c++) out[c] = (float)sqrt((x[0][c] + y[0][c]) / 2);
    }
}
