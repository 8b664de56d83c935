/* What is done to one plane of a picture (height rows of `stride` bytes, of which `width` count), in place. Inside features/. */
#ifndef DESY_FEATURES_PLANE_H
#define DESY_FEATURES_PLANE_H

#include <stddef.h>
#include <stdint.h>

/* Gaussian, to 3 sigma on either side, border pixels repeated; rounded once. DESY_EENV: memory. */
int desy_plane_blur(uint8_t *plane, ptrdiff_t stride, int width, int height, double sigma);
void desy_plane_mirror(uint8_t *plane, ptrdiff_t stride, int width, int height);    /* left and right */
void desy_plane_turn_over(uint8_t *plane, ptrdiff_t stride, int width, int height); /* top and bottom */

#endif
