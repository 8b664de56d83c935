#include "features/alteration.h"

#include "base/error.h"
#include "features/libraries.h"

#include <stddef.h>

/* What is not about compression is encoded without loss, so that it is tried alone. */
#define H264(crf) .encoder = DESY_AUGMENT_X264, .quality = (crf), .gop = 250
#define WHOLE .factor = 1, .crop_x = 1, .crop_y = 1

static const struct desy_alteration alterations[] = {
    {"crf23", "H.264, CRF 23", {WHOLE, H264(23)}},
    {"crf28", "H.264, CRF 28", {WHOLE, H264(28)}},
    {"crf35", "H.264, CRF 35", {WHOLE, H264(35)}},
    {"crf40", "H.264, CRF 40", {WHOLE, H264(40)}},
    {"jpeg", "JPEG, quality about 75", {WHOLE, H264(0), .jpeg = 4}},
    {"half", "half size and back", {.factor = .5, .crop_x = 1, .crop_y = 1, .filter = DESY_AUGMENT_AREA, .back = true, H264(0)}},
    {"blur", "blur, 1.5 pixels", {WHOLE, H264(0), .blur = 15}},
    {"noise", "noise, 4 grey levels", {WHOLE, H264(0), .noise = 40}},
    {"crop", "middle 80 % of each side", {.factor = 1, .crop_x = .8, .crop_y = .8, .from_x = .5, .from_y = .5, H264(0)}},
    {"flip", "mirrored", {WHOLE, H264(0), .mirrored = true}},
    {"drop", "one frame in 5 left out", {WHOLE, H264(0), .drop = 5}},
    {"repeat", "one frame in 5 repeated", {WHOLE, H264(0), .repeat = 5}},
    {"4fps", "4 frames a second", {WHOLE, H264(0), .rate = 4}},
};

int desy_alteration_count(void)
{
    return (int)(sizeof alterations / sizeof *alterations);
}

const struct desy_alteration *desy_alteration(int number)
{
    return &alterations[number - 1];
}

int desy_alteration_check(void)
{
    static const char *const needed[] = {"libx264", "mjpeg"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!desy_ffmpeg_has_encoder(needed[i])) return desy_error(DESY_EENV, "--robustness: this FFmpeg has no encoder %s; use a build that has it (Debian's has)", needed[i]);
    return DESY_OK;
}

struct desy_augment_recipe desy_view_recipe(enum desy_views views, uint64_t seed, uint64_t item, int view)
{
    return views == DESY_VIEWS_ALTERED ? desy_alteration(view)->recipe : desy_augment_recipe(seed, item, view);
}
