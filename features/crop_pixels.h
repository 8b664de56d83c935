/* What is done to the pixels of one crop (224, 224, 3) while a network trains on them, in place. Internal to features/, and for tests. */
#ifndef DESY_FEATURES_CROP_PIXELS_H
#define DESY_FEATURES_CROP_PIXELS_H

#include <stdbool.h>
#include <stdint.h>

/* In the order of `order`, as torchvision's ColorJitter on tensors of floats, which are rounded once at the end. */
struct desy_crop_jitter {
    double brightness, contrast, saturation; /* factors; 1: as it is */
    double hue;                              /* of a whole turn, added; 0: as it is */
    int order[4];                            /* of 0 brightness, 1 contrast, 2 saturation, 3 hue */
};

void desy_crop_flip(uint8_t *crop); /* left and right */
/* Counter-clockwise about the middle: the nearest pixel, black where there is none (torchvision's RandomRotation). DESY_EENV: memory, of all that return a code. */
int desy_crop_rotate(uint8_t *crop, double degrees);
int desy_crop_jitter(uint8_t *crop, const struct desy_crop_jitter *jitter);
/* The square of `side` pixels at (x, y): mirrored beyond its borders without repeating the border pixel, from where it is; or enlarged to the whole (bicubic, features/resize.h). */
int desy_crop_window(uint8_t *crop, int x, int y, int side, bool mirrored);
/* To side x side (antialiased bilinear) and back (bicubic). */
int desy_crop_rescale(uint8_t *crop, int side);
/* Gaussian, to 3 sigma on either side, mirrored at the borders. */
int desy_crop_blur(uint8_t *crop, double sigma);
/* Gaussian, of each colour of each pixel; sigma in grey levels. */
void desy_crop_noise(uint8_t *crop, double sigma, uint64_t seed);

#endif
