/* The 448 forensic numbers of a frame, from its luma plane: block energies (DCT), SRM co-occurrences, what motion does not explain
 * of it, and its brightness. Definitions, layout and sources: features/blocks.c, docs/features.md. */
#ifndef DESY_FEATURES_FORENSIC_H
#define DESY_FEATURES_FORENSIC_H

#include "features/clip.h"

/* Of one video, of one thread: room, and the frame before. */
typedef struct desy_forensic desy_forensic;
int desy_forensic_open(desy_forensic **forensic); /* DESY_EENV: memory, or an environment variable DESY_SIMD that can't be followed */
void desy_forensic_close(desy_forensic **forensic); /* NULL-safe; sets *forensic to NULL */

/* Row k of rows (T, 448) from luma (height, stride) uint8. Rows of a clip come in their order. Row 0 has no frame before it: what needs one
 * is copied to it from row 1. DESY_EENV: memory; DESY_EDATA: a frame smaller than 16 x 16 after rescaling. */
int desy_forensic_frame(desy_forensic *forensic, float (*rows)[DESY_FORENSIC_DIMS], int k, const uint8_t *luma, int stride, int width, int height);

/* The instruction set that pixels are looked at with: "scalar", "avx2", "avx512", "neon". The numbers are the same with each. DESY_EENV: the
 * environment's DESY_SIMD names none of them, or one that this processor does not have. */
int desy_simd_level(const char **name);

/* The rescale to height 256 alone (width to the nearest even): *scaled new, (256, *scaled_width), caller frees. */
int desy_rescale_luma(uint8_t **scaled, int *scaled_width, const uint8_t *luma, int stride, int width, int height);

#endif
