/* Third-order co-occurrences of quantised high-pass residuals (the spatial rich model). Integers up to the histograms. */
#include "features/forensic_blocks.h"
#include "features/kernels.h"

#include <math.h>

#define CLASSES 39 /* of triples, up to sign and direction */
#define MARGIN 3   /* pixels of the border without a residual */

enum direction { ALONG, ACROSS, BOTH }; /* x first, y first, mean of x and y */
static const enum direction directions[DESY_RESIDUALS] = {
    [DESY_RESIDUAL_H2] = ALONG, [DESY_RESIDUAL_V2] = ACROSS, [DESY_RESIDUAL_H3] = ALONG,
    [DESY_RESIDUAL_V3] = ACROSS, [DESY_RESIDUAL_KB] = BOTH, [DESY_RESIDUAL_KV] = BOTH,
};

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

void desy_cooccurrence(float *out, const struct desy_region *region, const struct desy_kernels *kernels) {
    int width = region->width - 2 * MARGIN, height = region->height - 2 * MARGIN;
    for (int k = 0; k < DESY_RESIDUALS; k++) {
        uint32_t counts[2][DESY_TRIPLES];
        double x_share[CLASSES], y_share[CLASSES];
        kernels->count_triples(counts, (enum desy_residual)k, region);
        class_shares(x_share, counts[0], (double)(width - 2) * height);
        class_shares(y_share, counts[1], (double)width * (height - 2));
        const double *first = directions[k] == ACROSS ? y_share : x_share, *second = directions[k] == ACROSS ? x_share : y_share;
        for (int c = 0; c < CLASSES; c++) *out++ = (float)sqrt(directions[k] == BOTH ? (first[c] + second[c]) / 2 : first[c]);
        if (directions[k] == BOTH) continue;
        for (int c = 0; c < CLASSES; c++) *out++ = (float)sqrt(second[c]);
    }
}
