/* The network's input: shorter side to 256, centre 224 x 224; only the pixels of the crop are made.
 *
 * EfficientNet: width' = max(256, 256 width / shorter to the nearest, ties to even), height' alike; area when shrinking, else
 * bicubic; crop origin (side' - 224) / 2, floor. ResNet, as torchvision's Resize(256) and CenterCrop(224): the longer side is
 * floor(256 longer / shorter); antialiased bilinear; crop origin (side' - 224) / 2 to the nearest, ties to even. Squash, as
 * torchvision's Resize((224, 224)): antialiased bilinear, no crop. The resizes: resize.c, docs/features.md. */
#include "features/transform.h"

#include "base/error.h"
#include "features/resize.h"

#define SHORTER 256

/* numerator / denominator to the nearest, ties to even. */
static int divide_round(int64_t numerator, int64_t denominator) {
    int64_t quotient = numerator / denominator, twice = 2 * (numerator % denominator);
    return (int)(quotient + (twice > denominator || (twice == denominator && quotient % 2)));
}

static int open_axis(struct desy_axis *axis, enum desy_transform transform, int side, int shorter) {
    if (transform == DESY_TRANSFORM_SQUASH) return desy_axis_open(axis, DESY_FILTER_TRIANGLE, side, DESY_INPUT_SIDE, 0, DESY_INPUT_SIDE);
    int resnet = transform == DESY_TRANSFORM_RESNET;
    int64_t scaled = (int64_t)side * SHORTER;
    int to = resnet ? (int)(scaled / shorter) : divide_round(scaled, shorter);
    int offset = resnet ? divide_round(to - DESY_INPUT_SIDE, 2) : (to - DESY_INPUT_SIDE) / 2;
    enum desy_filter filter = resnet ? DESY_FILTER_TRIANGLE : shorter > SHORTER ? DESY_FILTER_AREA : DESY_FILTER_BICUBIC;
    return desy_axis_open(axis, filter, side, to, offset, DESY_INPUT_SIDE);
}

int desy_transform_frame(uint8_t *out, const struct desy_frame *frame, enum desy_transform transform) {
    struct desy_axis vertical = {0}, horizontal = {0};
    int shorter = frame->width < frame->height ? frame->width : frame->height, rc;
    DESY_TRY(open_axis(&vertical, transform, frame->height, shorter));
    DESY_TRY(open_axis(&horizontal, transform, frame->width, shorter));
    DESY_TRY(desy_resize(out, frame->rgb, frame->rgb_stride, 3, 0, &vertical, &horizontal));
out:
    desy_axis_close(&vertical);
    desy_axis_close(&horizontal);
    return rc;
}
