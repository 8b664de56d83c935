/* The forensic numbers of frames, for tests/parity/test_forensic.py. stdin holds frames (int32 width, height,
 * luma); stdout gets for each: int32 width of the rescaled plane, that plane, 448 float32 (of a first frame). */
#include "base/error.h"
#include "features/forensic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int frame(int width, int height) {
    int stride = width + 13; /* what lies between the rows must not matter */
    uint8_t *luma = malloc((size_t)stride * height), *scaled = NULL;
    float numbers[1][DESY_FORENSIC_DIMS];
    desy_forensic *forensic = NULL;
    int scaled_width, rc = DESY_EENV;
    if (!luma) goto out;
    memset(luma, 99, (size_t)stride * height);
    for (int y = 0; y < height; y++)
        if (fread(luma + (size_t)y * stride, 1, width, stdin) != (size_t)width) goto out;
    DESY_TRY(desy_rescale_luma(&scaled, &scaled_width, luma, stride, width, height));
    DESY_TRY(desy_forensic_open(&forensic));
    DESY_TRY(desy_forensic_frame(forensic, numbers, 0, luma, stride, width, height));
    fwrite(&scaled_width, sizeof scaled_width, 1, stdout);
    fwrite(scaled, 256, scaled_width, stdout);
    fwrite(numbers, sizeof numbers, 1, stdout);
out:
    desy_forensic_close(&forensic);
    free(luma);
    free(scaled);
    return rc;
}

int main(void) {
    int32_t size[2];
    while (fread(size, sizeof *size, 2, stdin) == 2) {
        int rc = frame(size[0], size[1]);
        if (rc != DESY_OK) {
            fprintf(stderr, "%s\n", desy_error_message());
            return rc;
        }
    }
    return DESY_OK;
}
