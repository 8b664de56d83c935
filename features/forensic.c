#include "features/forensic.h"

#include "base/error.h"
#include "features/forensic_blocks.h"
#include "features/kernels.h"

#include <stdlib.h>

#define DCT_SOURCE "after Frank et al., Leveraging frequency analysis for deep fake image recognition, ICML 2020"
#define SRM_SOURCE "Fridrich and Kodovsky, Rich models for steganalysis of digital images, IEEE TIFS 7(3), 2012"
#define HAAR_SOURCE "after Lyu and Farid, Steganalysis using higher-order image statistics, IEEE TIFS 1(1), 2006"

const struct desy_feature_block desy_forensic_blocks[] = {
    {"e", 0, 63, "256", "ln(mean over blocks of abs(C) + .05)", DCT_SOURCE},
    {"e_bn", 63, 63, "256", "ln(mean over blocks of abs(C) / (8 + sum of the 63 abs(C)) + 1e-4)", DCT_SOURCE},
    {"e_sd", 126, 63, "256", "standard deviation over blocks of ln(abs(C) + .5)", DCT_SOURCE},
    {"srm_co", 189, 390, "256", "sqrt of the share of each class of triples of quantised residuals", SRM_SOURCE},
    {"e_native", 579, 63, "native", "as e", DCT_SOURCE},
    {"haar_native", 642, 126, "native", "moments and correlations of the bands of 4 Haar levels", HAAR_SOURCE},
    {0},
};

/* The middle of n pixels, at most `most`: a multiple of 16 wide, from a multiple of 16 on. */
static int centre(int *first, int n, int most) {
    int size = (n < most ? n : most) / 16 * 16;
    *first = (n - size) / 2 / 16 * 16;
    return size;
}

static int scaled_blocks(float *out, const uint8_t *luma, int stride, int width, int height, const struct desy_kernels *kernels) {
    int first, count = centre(&first, desy_rescale_width(width, height), DESY_SCALED_SIDE);
    uint8_t *scaled = malloc((size_t)DESY_SCALED_HEIGHT * (size_t)count);
    if (!scaled) return desy_error_memory("a rescaled frame");
    int rc;
    DESY_TRY(desy_rescale_columns(scaled, first, count, luma, stride, width, height, kernels));
    struct desy_region region = {scaled, count, count, DESY_SCALED_HEIGHT};
    desy_dct_energy(out, out + 63, out + 126, &region, kernels);
    desy_cooccurrence(out + 189, &region, kernels);
out:
    free(scaled);
    return rc;
}

int desy_forensic_numbers(float *out, const uint8_t *luma, int stride, int width, int height, const struct desy_kernels *kernels) {
    if (width < 16 || height < 16 || desy_rescale_width(width, height) < 16)
        return desy_error(DESY_EDATA, "a frame of %d x %d is too small: 16 x 16 are needed, as decoded and at height %d", width, height, DESY_SCALED_HEIGHT);
    int x, y, rc = scaled_blocks(out, luma, stride, width, height, kernels);
    if (rc != DESY_OK) return rc;
    struct desy_region native = {.stride = stride, .width = centre(&x, width, DESY_NATIVE_SIDE), .height = centre(&y, height, DESY_NATIVE_SIDE)};
    native.luma = luma + (ptrdiff_t)y * stride + x;
    desy_dct_energy(out + 579, NULL, NULL, &native, kernels);
    return desy_haar_statistics(out + 642, &native, kernels);
}

int desy_forensic_frame(float *out, const uint8_t *luma, int stride, int width, int height) {
    const struct desy_kernels *kernels;
    int rc = desy_kernels(&kernels);
    return rc == DESY_OK ? desy_forensic_numbers(out, luma, stride, width, height, kernels) : rc;
}
