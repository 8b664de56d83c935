#include "features/crop_augment.h"

#include "base/error.h"
#include "base/random.h"
#include "features/clip.h"
#include "features/crop_codec.h"

#include <math.h>

enum { SIDE = DESY_INPUT_SIDE, BYTES = SIDE * SIDE * 3 };
#define OFTEN .4 /* probability of each forensic operation: one clip in twenty is but flipped, or not even that */

/* Draws follow on each other. */
struct draws {
    uint64_t key, next;
};

static double draw(struct draws *draws, double from, double to)
{
    return from + (to - from) * desy_random_uniform(draws->key, 0, draws->next++);
}

static int draw_whole(struct draws *draws, int from, int to)
{
    return from + (int)draw(draws, 0, to - from + 1);
}

static void draw_guide(struct desy_crop_recipe *recipe, struct draws *draws)
{
    uint32_t order[4];
    recipe->degrees = draw(draws, -10, 10);
    recipe->jitters = true;
    recipe->jitter = (struct desy_crop_jitter){.brightness = draw(draws, .9, 1.1), .contrast = draw(draws, .9, 1.1), .saturation = draw(draws, .9, 1.1), .hue = draw(draws, -.1, .1)};
    desy_random_permutation(draws->key, 1, 4, order);
    for (int i = 0; i < 4; i++) recipe->jitter.order[i] = (int)order[i];
}

/* Every number is drawn, whether it is used or not, so that one operation does not move the draws of the next. */
static void draw_forensic(struct desy_crop_recipe *recipe, struct draws *draws)
{
    const bool cropped = draw(draws, 0, 1) < OFTEN, rescaled = draw(draws, 0, 1) < OFTEN, blurred = draw(draws, 0, 1) < OFTEN, noisy = draw(draws, 0, 1) < OFTEN,
               jpeg = draw(draws, 0, 1) < OFTEN, h264 = draw(draws, 0, 1) < OFTEN;
    const int window = 2 * draw_whole(draws, 78, 111), x = draw_whole(draws, 0, SIDE - window), y = draw_whole(draws, 0, SIDE - window); /* .7 of the side and more */
    recipe->mirrored = draw(draws, 0, 1) < .5;
    if (cropped) recipe->window = window, recipe->x = x, recipe->y = y;
    const int side = draw_whole(draws, SIDE / 2, SIDE - 1), quantiser = draw_whole(draws, 2, 12), factor = draw_whole(draws, 18, 32);
    const double blur = draw(draws, .3, 1.2), noise = draw(draws, .5, 4);
    if (rescaled) recipe->rescaled = side;
    if (blurred) recipe->blur = blur;
    if (noisy) recipe->noise = noise;
    if (jpeg) recipe->jpeg = quantiser;
    if (h264) recipe->h264 = factor;
}

struct desy_crop_recipe desy_crop_recipe(enum desy_augmentation kind, uint64_t seed, uint64_t epoch, uint64_t item)
{
    struct draws draws = {desy_random_u64(desy_random_u64(seed, epoch, 0), item, 0), 0};
    struct desy_crop_recipe recipe = {.seed = desy_random_u64(draws.key, 2, 0)};
    if (kind == DESY_AUGMENTATION_NONE) return recipe;
    recipe.flip = draw(&draws, 0, 1) < .5;
    if (kind == DESY_AUGMENTATION_GUIDE) draw_guide(&recipe, &draws);
    else draw_forensic(&recipe, &draws);
    return recipe;
}

static int augment_pixels(uint8_t *crop, const struct desy_crop_recipe *recipe, uint64_t seed)
{
    int rc = DESY_OK;
    if (recipe->flip) desy_crop_flip(crop);
    if (recipe->degrees != 0) DESY_TRY(desy_crop_rotate(crop, recipe->degrees));
    if (recipe->jitters) DESY_TRY(desy_crop_jitter(crop, &recipe->jitter));
    if (recipe->window) DESY_TRY(desy_crop_window(crop, recipe->x, recipe->y, recipe->window, recipe->mirrored));
    if (recipe->rescaled) DESY_TRY(desy_crop_rescale(crop, recipe->rescaled));
    if (recipe->blur > 0) DESY_TRY(desy_crop_blur(crop, recipe->blur));
    if (recipe->noise > 0) desy_crop_noise(crop, recipe->noise, seed);
out:
    return rc;
}

int desy_crops_augment(uint8_t *crops, const struct desy_crop_recipe *recipe)
{
    int rc = DESY_OK;
    for (int i = 0; i < DESY_CROPS; i++) DESY_TRY(augment_pixels(crops + i * BYTES, recipe, desy_random_u64(recipe->seed, 0, (uint64_t)i)));
    if (recipe->jpeg) DESY_TRY(desy_crops_jpeg(crops, DESY_CROPS, recipe->jpeg));
    if (recipe->h264) DESY_TRY(desy_crops_h264(crops, DESY_CROPS, recipe->h264));
out:
    return rc;
}
