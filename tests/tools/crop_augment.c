/* crop_augment OPERATION NUMBERS...: crops (4, 224, 224, 3) from stdin to stdout, each through one operation: flip | rotate DEGREES | jitter BRIGHTNESS CONTRAST SATURATION HUE ORDER |
 * window X Y SIDE MIRRORED | rescale SIDE | blur SIGMA | noise SIGMA SEED | jpeg QUANTISER | h264 FACTOR | whole guide|forensic SEED EPOCH ITEM. */
#include "base/error.h"
#include "features/clip.h"
#include "features/crop_augment.h"
#include "features/crop_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = DESY_INPUT_SIDE * DESY_INPUT_SIDE * 3 };
static uint8_t crops[DESY_CROPS * BYTES];

static int change(uint8_t *crop, const char *what, char **numbers)
{
    const double a = numbers[0] ? atof(numbers[0]) : 0;
    if (strcmp(what, "flip") == 0) return desy_crop_flip(crop), DESY_OK;
    if (strcmp(what, "rotate") == 0) return desy_crop_rotate(crop, a);
    if (strcmp(what, "window") == 0) return desy_crop_window(crop, (int)a, atoi(numbers[1]), atoi(numbers[2]), atoi(numbers[3]) != 0);
    if (strcmp(what, "rescale") == 0) return desy_crop_rescale(crop, (int)a);
    if (strcmp(what, "blur") == 0) return desy_crop_blur(crop, a);
    if (strcmp(what, "noise") == 0) return desy_crop_noise(crop, a, strtoull(numbers[1], NULL, 10)), DESY_OK;
    struct desy_crop_jitter jitter = {a, atof(numbers[1]), atof(numbers[2]), atof(numbers[3]), {0}};
    for (int i = 0; i < 4; i++) jitter.order[i] = numbers[4][i] - '0';
    return desy_crop_jitter(crop, &jitter);
}

int main(int argc, char **argv)
{
    if (argc < 2 || fread(crops, 1, sizeof crops, stdin) != sizeof crops) return DESY_EUSAGE;
    int rc = DESY_OK;
    if (strcmp(argv[1], "whole") == 0) {
        const struct desy_crop_recipe recipe = desy_crop_recipe(strcmp(argv[2], "guide") == 0 ? DESY_AUGMENTATION_GUIDE : DESY_AUGMENTATION_FORENSIC, strtoull(argv[3], NULL, 10),
                                                                strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10));
        rc = desy_crops_augment(crops, &recipe);
    } else if (strcmp(argv[1], "jpeg") == 0) rc = desy_crops_jpeg(crops, DESY_CROPS, atoi(argv[2]));
    else if (strcmp(argv[1], "h264") == 0) rc = desy_crops_h264(crops, DESY_CROPS, atoi(argv[2]));
    else
        for (int i = 0; rc == DESY_OK && i < DESY_CROPS; i++) rc = change(crops + i * BYTES, argv[1], argv + 2);
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    return rc == DESY_OK && fwrite(crops, 1, sizeof crops, stdout) != sizeof crops ? DESY_EENV : rc;
}
