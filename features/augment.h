/* Augmented views: what a video goes through in another life. View 0 is the original; what the others are, is a table of a few and random
 * draws (docs/features.md). */
#ifndef DESY_FEATURES_AUGMENT_H
#define DESY_FEATURES_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#define DESY_MOST_VIEWS 16   /* beside the original */
#define DESY_AUGMENT_VERSION 1 /* raised whenever the same (seed, item, view) would give another recipe */

enum desy_augment_encoder { DESY_AUGMENT_X264, DESY_AUGMENT_X265, DESY_AUGMENT_VP9, DESY_AUGMENT_ENCODERS };
enum desy_augment_filter { DESY_AUGMENT_AREA, DESY_AUGMENT_BICUBIC, DESY_AUGMENT_BILINEAR };

/* In the order in which it is done. */
struct desy_augment_recipe {
    int rate;                  /* frames a second, each tick showing the frame that was shown then; 0: as they are */
    int drop, repeat;          /* of so many frames the last is left out, or shows once more what was before it; 0: none */
    double crop_x, crop_y;     /* the part of each side that is kept, .7 to 1 */
    double from_x, from_y;     /* where it begins: 0 (left, top) to 1 (right, bottom) of what is left over */
    int rows;                  /* rescaled to this height; 0: */
    double factor;             /* rescaled by this, in both directions; 1: not */
    enum desy_augment_filter filter;
    bool back;                 /* and then to the size that it came from (bicubic) */
    bool mirrored;             /* left and right */
    int blur;                  /* Gaussian, standard deviation in tenths of a pixel, of chroma half as many; 0: none */
    int noise;                 /* standard deviation of Gaussian noise on luma, in tenths of a grey level; 0: none */
    int jpeg;                  /* each frame as a JPEG, of this quantiser scale of libavcodec: 1 (fine) to 10; 0: not */
    enum desy_augment_encoder encoder;
    int quality;               /* its constant rate factor: less is better; of x264 0 is lossless */
    int gop;                   /* frames between key frames, at most */
};

/* Pure function. view: 1 to DESY_MOST_VIEWS; seed: of the run; item: its id. */
struct desy_augment_recipe desy_augment_recipe(uint64_t seed, uint64_t item, int view);
/* libavcodec's name, and the options that quality is one of (text of at least 160 bytes). */
const char *desy_augment_encoder_name(enum desy_augment_encoder encoder);
void desy_augment_encoder_options(char text[160], const struct desy_augment_recipe *recipe);
/* In words: "libx264 crf 28, 256 rows (area)". */
void desy_augment_describe(char text[160], const struct desy_augment_recipe *recipe);

/* Can this FFmpeg make views 1 to `views`? DESY_EENV names the encoder that it lacks. */
int desy_augment_check(int views);
/* Do some of them need an encoder that works in a thread of its own? */
bool desy_augment_threads(int views);

#endif
