#include "features/crop.h"

#include <math.h>
#include <string.h>

#define SIDE DESY_INPUT_SIDE

/* For each pixel of the crop along an axis of n pixels, which one it is. */
static void choose_pixels(int pixels[SIDE], int n)
{
    const int first = n >= SIDE ? (n - SIDE) / 16 * 8 : -((SIDE - n) / 16 * 8), period = n > 1 ? 2 * (n - 1) : 1;
    for (int i = 0; i < SIDE; i++) {
        int at = (first + i) % period;
        if (at < 0) at += period;
        pixels[i] = at < n ? at : period - at;
    }
}

void desy_crop_frame(uint8_t *out, const struct desy_frame *frame)
{
    int columns[SIDE], rows[SIDE];
    choose_pixels(columns, frame->width);
    choose_pixels(rows, frame->height);
    if (frame->width < SIDE || frame->height < SIDE) {
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) memcpy(out + (y * SIDE + x) * 3, frame->rgb + (ptrdiff_t)rows[y] * frame->rgb_stride + 3 * columns[x], 3);
        return;
    }
    for (int y = 0; y < SIDE; y++) memcpy(out + y * SIDE * 3, frame->rgb + (ptrdiff_t)(rows[0] + y) * frame->rgb_stride + 3 * columns[0], SIDE * 3);
}

void desy_crop_clip(struct desy_clip *clip, int k, int wanted, const struct desy_frame *frame)
{
    for (int i = 0; i < DESY_CROPS; i++) {
        int of = (int)rint((double)i * (wanted - 1) / (DESY_CROPS - 1));
        if (of > clip->frames - 1) of = clip->frames - 1;
        if (of == k) desy_crop_frame(&clip->crops[i][0][0][0], frame);
    }
}
