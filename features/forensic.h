/* The 768 forensic numbers of a frame, from its luma plane: block energies (DCT), SRM co-occurrences, Haar statistics.
 * Definitions, layout and sources: the block table below, docs/features.md. */
#ifndef DESY_FEATURES_FORENSIC_H
#define DESY_FEATURES_FORENSIC_H

#include "features/clip.h"

struct desy_feature_block {
    const char *name;    /* "e", "e_bn", "e_sd", "srm_co", "e_native", "haar_native" */
    int first, count;    /* within the 768 */
    const char *scale;   /* "256" (frames rescaled to height 256) or "native" */
    const char *formula; /* in words, one line */
    const char *source;  /* where it comes from */
};
/* Ends with a block whose name is NULL. */
extern const struct desy_feature_block desy_forensic_blocks[];

/* luma (height, stride) uint8; out[768]. DESY_EENV: memory; DESY_EDATA: a frame smaller than 16 x 16 after rescaling. */
int desy_forensic_frame(float *out, const uint8_t *luma, int stride, int width, int height);

/* The instruction set that pixels are looked at with: "scalar", "avx2", "avx512", "neon". The numbers are the same with each. DESY_EENV: the
 * environment's DESY_SIMD names none of them, or one that this processor does not have. */
int desy_simd_level(const char **name);

/* The rescale to height 256 alone (width to the nearest even): *scaled new, (256, *scaled_width), caller frees. */
int desy_rescale_luma(uint8_t **scaled, int *scaled_width, const uint8_t *luma, int stride, int width, int height);

#endif
