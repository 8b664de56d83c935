/* Network inputs of frames, for tests/parity/test_transform.py. stdin holds frames (int32 kind: 0 EfficientNet, 1 ResNet, 2 squash;
 * width, height; RGB); stdout gets (224, 224, 3) bytes for each. */
#include "base/error.h"
#include "features/transform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct desy_transform_axes axes; /* kept, as a video keeps it */

static int frame(enum desy_transform transform, int width, int height) {
    static uint8_t input[DESY_INPUT_SIDE][DESY_INPUT_SIDE][3];
    int stride = 3 * width + 13, rc = DESY_EENV; /* what lies between the rows must not matter */
    uint8_t *rgb = malloc((size_t)stride * height);
    if (!rgb) goto out;
    memset(rgb, 99, (size_t)stride * height);
    for (int y = 0; y < height; y++)
        if (fread(rgb + (size_t)y * stride, 3, width, stdin) != (size_t)width) goto out;
    struct desy_frame source = {.rgb = rgb, .rgb_stride = stride, .width = width, .height = height};
    DESY_TRY(desy_transform_frame(&input[0][0][0], &source, transform, &axes));
    fwrite(input, sizeof input, 1, stdout);
out:
    free(rgb);
    return rc;
}

int main(void) {
    int32_t header[3];
    while (fread(header, sizeof *header, 3, stdin) == 3) {
        int rc = frame((enum desy_transform)header[0], header[1], header[2]);
        if (rc != DESY_OK) {
            fprintf(stderr, "%s\n", desy_error_message());
            return rc;
        }
    }
    desy_transform_axes_close(&axes);
    return DESY_OK;
}
