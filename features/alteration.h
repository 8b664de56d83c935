/* What videos go through that a detector is tried on (`desy eval --robustness`): a fixed list, one recipe each, for all videos alike. */
#ifndef DESY_FEATURES_ALTERATION_H
#define DESY_FEATURES_ALTERATION_H

#include "features/augment.h"

#define DESY_ALTERATIONS_VERSION 1 /* raised whenever the list or one of its recipes changes */

/* Where a clip's views 1, 2, ... come from. */
enum desy_views { DESY_VIEWS_AUGMENTED, DESY_VIEWS_ALTERED };

struct desy_alteration {
    const char *name;  /* "crf28" */
    const char *words; /* "H.264, CRF 28" */
    struct desy_augment_recipe recipe;
};

int desy_alteration_count(void);
/* number: 1 to desy_alteration_count(): the view of a clip that it makes. */
const struct desy_alteration *desy_alteration(int number);
/* DESY_EENV names an encoder that this FFmpeg lacks. */
int desy_alteration_check(void);

/* The recipe of a view from 1 on. Pure function. */
struct desy_augment_recipe desy_view_recipe(enum desy_views views, uint64_t seed, uint64_t item, int view);

#endif
