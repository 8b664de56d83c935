/* What crops go through while a network trains on them. View 0 and scoring never do. */
#ifndef DESY_FEATURES_CROP_AUGMENT_H
#define DESY_FEATURES_CROP_AUGMENT_H

#include "features/crop_pixels.h"

enum desy_augmentation { DESY_AUGMENTATION_NONE, DESY_AUGMENTATION_GUIDE, DESY_AUGMENTATION_FORENSIC };

/* In the order in which it is done; the same for all crops of a clip, as it would be for a video, but for the noise itself. */
struct desy_crop_recipe {
    bool flip;
    double degrees;     /* of rotation; 0: none */
    bool jitters;
    struct desy_crop_jitter jitter;
    int x, y, window;   /* a square window of so many pixels; 0: none */
    bool mirrored;      /* beyond the window; else it is enlarged */
    int rescaled;       /* to so many pixels a side and back; 0: not */
    double blur, noise; /* standard deviations in pixels, in grey levels; 0: none */
    int jpeg;           /* quantiser scale; 0: none */
    int h264;           /* constant rate factor; 0: none */
    uint64_t seed;      /* of the noise */
};

/* Pure function of all of them. guide: flipped with probability .5, turned within 10 degrees, colours jittered within .1 (crops are 224 x 224 as they are, and the network
 * normalises by ImageNet's deviation: model/low_cnn.cpp). forensic: flipped with probability .5, each of the others with .4. */
struct desy_crop_recipe desy_crop_recipe(enum desy_augmentation kind, uint64_t seed, uint64_t epoch, uint64_t item);
/* crops (4, 224, 224, 3), in place. DESY_EENV: this FFmpeg lacks an encoder; memory. */
int desy_crops_augment(uint8_t *crops, const struct desy_crop_recipe *recipe);

#endif
