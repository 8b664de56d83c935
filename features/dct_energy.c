/* Statistics of the 63 AC coefficients of all 8 x 8 blocks. */
#include "features/forensic_blocks.h"
#include "features/kernels.h"

#include <math.h>

static double total_float(const float lanes[DESY_DCT_LANES]) {
    double sum = 0;
    for (int i = 0; i < DESY_DCT_LANES; i++) sum += lanes[i];
    return sum;
}

static double total_double(const double lanes[DESY_DCT_LANES]) {
    double sum = 0;
    for (int i = 0; i < DESY_DCT_LANES; i++) sum += lanes[i];
    return sum;
}

void desy_dct_energy(float *energy, float *normalised, float *deviation, const struct desy_region *region, const struct desy_kernels *kernels) {
    struct desy_dct_sums sums = {0};
    kernels->dct_sums(&sums, region);
    double blocks = region->width / 8 * (region->height / 8);
    for (int i = 1; i < 64; i++) {
        int k = i % 8 * 8 + i / 8; /* row-major number i */
        energy[i - 1] = (float)log(total_float(sums.magnitude[k]) / blocks + .05);
        /* ln(2 c + 1) is ln(c + .5) + ln 2: the same deviation, and 0 where c is 0. */
        double mean = total_double(sums.log[k]) / blocks, variance = total_double(sums.square[k]) / blocks - mean * mean;
        normalised[i - 1] = (float)log(total_float(sums.share[k]) / blocks + 1e-4);
        deviation[i - 1] = (float)sqrt(variance > 0 ? variance : 0);
    }
}
