#include "features/augment.h"

#include "base/error.h"
#include "base/random.h"
#include "features/libraries.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NATIVE .factor = 1, .crop_x = 1, .crop_y = 1
#define LONGEST_GOP 250 /* what x264 takes when it is told nothing */
#define DRAWS 32        /* of a view, at most */

/* Of all encoders' options: one thread, and of x265 no pool of them. */
static const struct {
    const char *name, *options;
    int best, worst; /* quality */
    double share;    /* of the random views */
    bool threads;    /* it starts one even so */
} encoders[DESY_AUGMENT_ENCODERS] = {
    [DESY_AUGMENT_X264] = {"libx264", "preset=veryfast:crf=%d", 18, 40, .5, false},
    [DESY_AUGMENT_X265] = {"libx265", "preset=superfast:crf=%d:x265-params=pools=none\\:frame-threads=1\\:wpp=0\\:pmode=0\\:log-level=none", 20, 40, .25, true},
    [DESY_AUGMENT_VP9] = {"libvpx-vp9", "deadline=realtime:cpu-used=7:row-mt=0:b=0:crf=%d", 24, 54, .25, false},
};

/* The first views: strong, and the same for all videos, so that few of them are a balanced set. */
static const struct desy_augment_recipe fixed[] = {
    {NATIVE, .encoder = DESY_AUGMENT_X264, .quality = 28, .gop = LONGEST_GOP},
    {NATIVE, .rows = 256, .filter = DESY_AUGMENT_AREA, .encoder = DESY_AUGMENT_X264, .quality = 28, .gop = LONGEST_GOP},
    {.crop_x = 1, .crop_y = 1, .factor = .5, .filter = DESY_AUGMENT_AREA, .encoder = DESY_AUGMENT_X264, .quality = 32, .gop = LONGEST_GOP},
};
enum { FIXED = sizeof fixed / sizeof *fixed };

/* Numbers of one view, one after another. */
struct draws {
    uint64_t seed, item, next;
};

static double draw(struct draws *draws)
{
    return desy_random_uniform(draws->seed ^ UINT64_C(0x6175676d656e74), draws->item, draws->next++); /* "augment": a stream of its own */
}

static int draw_int(struct draws *draws, int first, int last)
{
    return first + (int)(draw(draws) * (last - first + 1));
}

static enum desy_augment_encoder draw_encoder(struct draws *draws)
{
    double at = draw(draws);
    for (int i = 0; i < DESY_AUGMENT_ENCODERS - 1; i++) {
        if (at < encoders[i].share) return (enum desy_augment_encoder)i;
        at -= encoders[i].share;
    }
    return DESY_AUGMENT_ENCODERS - 1;
}

/* Each of the draws is made whether it counts or not, so that one does not move the others. */
static struct desy_augment_recipe random_recipe(struct draws *draws)
{
    static const int rates[] = {8, 12, 15, 24, 25, 30}, gops[] = {30, 60, 120, LONGEST_GOP};
    struct desy_augment_recipe recipe = {NATIVE};
    recipe.encoder = draw_encoder(draws);
    recipe.quality = draw_int(draws, encoders[recipe.encoder].best, encoders[recipe.encoder].worst);
    recipe.gop = gops[draw_int(draws, 0, 3)];
    const double scale = draw(draws), crop = draw(draws), jpeg = draw(draws), noise = draw(draws), rate = draw(draws);
    const int rows = draw_int(draws, 120, 360) * 2;
    const double factor = .4 + .6 * draw(draws);
    if (scale < .35) recipe.rows = rows;
    else if (scale < .65) recipe.factor = factor;
    const enum desy_augment_filter filter = (enum desy_augment_filter)draw_int(draws, DESY_AUGMENT_AREA, DESY_AUGMENT_BILINEAR);
    if (scale < .65) recipe.filter = filter;
    const double crop_x = .7 + .3 * draw(draws), crop_y = .7 + .3 * draw(draws);
    const double from_x = (draw(draws) + draw(draws)) / 2, from_y = (draw(draws) + draw(draws)) / 2; /* rather about the centre */
    if (crop < .3) recipe.crop_x = crop_x, recipe.crop_y = crop_y, recipe.from_x = from_x, recipe.from_y = from_y;
    const int quantiser = draw_int(draws, 1, 10), sigma = draw_int(draws, 10, 40), frames = rates[draw_int(draws, 0, 5)];
    if (jpeg < .25) recipe.jpeg = quantiser;
    if (noise < .25) recipe.noise = sigma;
    if (rate < .25) recipe.rate = frames;
    return recipe;
}

struct desy_augment_recipe desy_augment_recipe(uint64_t seed, uint64_t item, int view)
{
    struct draws draws = {seed, item, (uint64_t)view * DRAWS};
    return view <= FIXED ? fixed[view - 1] : random_recipe(&draws);
}

const char *desy_augment_encoder_name(enum desy_augment_encoder encoder)
{
    return encoders[encoder].name;
}

void desy_augment_encoder_options(char text[160], const struct desy_augment_recipe *recipe)
{
    snprintf(text, 160, encoders[recipe->encoder].options, recipe->quality);
}

/* Appends to a text of 160 bytes. */
static void add_words(char text[160], const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_words(char text[160], const char *format, ...)
{
    const size_t n = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + n, 160 - n, format, arguments);
    va_end(arguments);
}

void desy_augment_describe(char text[160], const struct desy_augment_recipe *recipe)
{
    static const char *const filters[] = {"area", "bicubic", "bilinear"};
    snprintf(text, 160, "%s crf %d", encoders[recipe->encoder].name, recipe->quality);
    if (recipe->rows) add_words(text, ", %d rows (%s)", recipe->rows, filters[recipe->filter]);
    if (recipe->factor < 1) add_words(text, ", times %.2f (%s)", recipe->factor, filters[recipe->filter]);
    if (recipe->back) add_words(text, " and back");
    if (recipe->crop_x < 1) add_words(text, ", cropped to %.2f x %.2f", recipe->crop_x, recipe->crop_y);
    if (recipe->mirrored) add_words(text, ", mirrored");
    if (recipe->blur) add_words(text, ", blur %.1f", recipe->blur / 10.);
    if (recipe->noise) add_words(text, ", noise %.1f", recipe->noise / 10.);
    if (recipe->jpeg) add_words(text, ", JPEG %d", recipe->jpeg);
    if (recipe->rate) add_words(text, ", %d frames a second", recipe->rate);
    if (recipe->drop) add_words(text, ", one frame in %d left out", recipe->drop);
    if (recipe->repeat) add_words(text, ", one frame in %d repeated", recipe->repeat);
}

int desy_augment_check(int views)
{
    for (int i = 0; i < DESY_AUGMENT_ENCODERS && views > 0; i++) {
        if (i != DESY_AUGMENT_X264 && views <= FIXED) continue;
        if (!desy_ffmpeg_has_encoder(encoders[i].name))
            return desy_error(DESY_EENV, "--augment %d: this FFmpeg has no encoder %s; use a build that has it (Debian's has)%s", views, encoders[i].name,
                              i == DESY_AUGMENT_X264 ? "" : ", or --augment 3");
    }
    if (views > FIXED && !desy_ffmpeg_has_encoder("mjpeg")) return desy_error(DESY_EENV, "--augment %d: this FFmpeg has no encoder mjpeg; use a build that has it, or --augment 3", views);
    return DESY_OK;
}

bool desy_augment_threads(int views)
{
    bool any = false;
    for (int i = 0; i < DESY_AUGMENT_ENCODERS; i++) any = any || encoders[i].threads;
    return views > FIXED && any;
}
