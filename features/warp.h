/* What motion does not explain of a frame: two consecutive frames of a clip, the first warped onto the second along a dense flow.
 * Seven numbers a pair, from the luma regions that the forensic blocks look at (features/forensic_blocks.h). Definitions: the table
 * below, docs/features.md. A row of a clip holds the numbers of its frame and the one before; the first frame has none before it,
 * and its row takes those of the second, but for its own residual energy. */
#ifndef DESY_FEATURES_WARP_H
#define DESY_FEATURES_WARP_H

#include "features/forensic_blocks.h"

enum {
    DESY_WARP_NOISE_ENERGY,
    DESY_WARP_NOISE,
    DESY_WARP_DETAIL,
    DESY_WARP_PLACE,
    DESY_WARP_TAIL,
    DESY_WARP_LEVEL,
    DESY_WARP_ENERGY, /* of the second frame alone */
    DESY_WARP_DIMS,
};

struct desy_warp_number {
    const char *name;    /* "warp_noise_energy", ... */
    const char *formula; /* in words, one line */
};
extern const struct desy_warp_number desy_warp_numbers[DESY_WARP_DIMS];

/* Room for pairs of up to 256 x 256; 5 MB, of one thread. */
typedef struct desy_warp desy_warp;
int desy_warp_open(desy_warp **warp);
void desy_warp_close(desy_warp **warp); /* NULL-safe; sets *warp to NULL */

/* out[DESY_WARP_DIMS]. Both regions as high as each other, neither side above 256; of unequal widths the middle of the wider one is taken.
 * DESY_EUSAGE: other sizes. */
int desy_warp_pair(desy_warp *warp, float *out, const struct desy_region *before, const struct desy_region *after);
/* DESY_WARP_ENERGY of one frame. */
int desy_warp_energy(desy_warp *warp, float *out, const struct desy_region *region);

#endif
