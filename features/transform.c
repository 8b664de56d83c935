/* The network's input: shorter side to 256, centre 224 x 224; only the pixels of the crop are made.
 *
 * EfficientNet: width' = max(256, 256 width / shorter to the nearest, ties to even), height' alike; area when shrinking, else
 * bicubic; crop origin (side' - 224) / 2, floor. ResNet, as torchvision's Resize(256) and CenterCrop(224): the longer side is
 * floor(256 longer / shorter); antialiased bilinear; crop origin (side' - 224) / 2 to the nearest, ties to even. Squash, as
 * torchvision's Resize((224, 224)): antialiased bilinear, no crop. The resizes: resize.c, docs/features.md. */
#include "features/transform.h"

#include "base/error.h"
#include "features/kernels.h"

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

static int open_axes(struct desy_transform_axes *axes, const struct desy_frame *frame, enum desy_transform transform) {
    if (axes->width == frame->width && axes->height == frame->height && axes->transform == transform) return DESY_OK;
    int shorter = frame->width < frame->height ? frame->width : frame->height, rc;
    desy_transform_axes_close(axes);
    DESY_TRY(open_axis(&axes->vertical, transform, frame->height, shorter));
    DESY_TRY(open_axis(&axes->horizontal, transform, frame->width, shorter));
    axes->width = frame->width;
    axes->height = frame->height;
    axes->transform = transform;
out:
    return rc;
}

int desy_transform_frame(uint8_t *out, const struct desy_frame *frame, enum desy_transform transform, struct desy_transform_axes *axes) {
    const struct desy_kernels *kernels;
    int rc;
    DESY_TRY(desy_kernels(&kernels));
    DESY_TRY(open_axes(axes, frame, transform));
    rc = desy_resize(out, frame->rgb, frame->rgb_stride, 3, 0, &axes->vertical, &axes->horizontal, kernels);
out:
    return rc;
}

void desy_transform_axes_close(struct desy_transform_axes *axes) {
    desy_axis_close(&axes->vertical);
    desy_axis_close(&axes->horizontal);
    *axes = (struct desy_transform_axes){0};
}
