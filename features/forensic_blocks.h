/* The blocks of the 448 forensic numbers, internal to features/. Definitions: docs/features.md. */
#ifndef DESY_FEATURES_FORENSIC_BLOCKS_H
#define DESY_FEATURES_FORENSIC_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#define DESY_SCALED_HEIGHT 256
#define DESY_SCALED_SIDE 256 /* of the region looked at, after the rescale */

/* Part of a luma plane. Width and height are multiples of 16, at least 16. */
struct desy_region {
    const uint8_t *luma;
    ptrdiff_t stride;
    int width, height;
};

struct desy_kernels; /* features/kernels.h */

/* 2 rint(128 width / height), ties to even. */
int desy_rescale_width(int width, int height);
/* Columns first .. first + count - 1 of the rescaled plane: out (256, count). DESY_EENV: memory. */
int desy_rescale_columns(uint8_t *out, int first, int count, const uint8_t *luma, ptrdiff_t stride, int width, int height, const struct desy_kernels *kernels);

/* 63 numbers each. */
void desy_dct_energy(float *energy, float *normalised, float *deviation, const struct desy_region *region, const struct desy_kernels *kernels);
/* out[234]. */
void desy_cooccurrence(float *out, const struct desy_region *region, const struct desy_kernels *kernels);
/* out[18]. */
void desy_luma_statistics(float *out, const struct desy_region *region);

/* The parts of desy_forensic_frame (features/forensic.h): the region that is looked at, in scaled[256 * 256]; and out[448] of it, but for `warp`. */
int desy_forensic_region(struct desy_region *region, uint8_t *scaled, const uint8_t *luma, int stride, int width, int height, const struct desy_kernels *kernels);
void desy_forensic_numbers(float *out, const struct desy_region *region, const struct desy_kernels *kernels);

#endif
