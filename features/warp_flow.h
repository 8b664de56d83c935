/* Dense flow between two luma planes: inverse-search Lucas-Kanade on 8 x 8 patches at every fourth pixel, coarse to fine, made dense by
 * photometric weights. That is DIS without variational refinement (Kroeger, Timofte, Dai and Van Gool, Fast optical flow using dense
 * inverse search, ECCV 2016). In float32, in the order of operations that docs/features.md states: the same bits everywhere. */
#ifndef DESY_FEATURES_WARP_FLOW_H
#define DESY_FEATURES_WARP_FLOW_H

#include "features/forensic_blocks.h"

typedef struct desy_flow desy_flow;
/* For planes of up to 256 x 256. */
int desy_flow_open(desy_flow **flow);
void desy_flow_close(desy_flow **flow); /* NULL-safe; sets *flow to NULL */

/* Where the pixel (x, y) of `to` was in `from`: (x + u, y + v). *u, *v (height, width), borrowed until the next call. Both regions
 * of one size, sides multiples of 16 from 16 to 256. Cannot fail. */
void desy_flow_find(desy_flow *flow, const float **u, const float **v, const struct desy_region *from, const struct desy_region *to);

#endif
