/* The RGB of the frames that clips are made of, before any transform, for tests/parity/test_colour.py: rgb FILE... For each file a line: status,
 * width, height, pixel format; then the bytes (height, width, 3) of its first frame. This file's desy_transform_frame is linked in place of the
 * library's, and sees what that would see. */
#include "base/error.h"
#include "features/transform.h"
#include "features/video.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct desy_clip clip;
static uint8_t *first; /* (height, width, 3) */
static size_t bytes;

void desy_transform_axes_close(struct desy_transform_axes *axes)
{
    (void)axes;
}

int desy_transform_frame(uint8_t *out, const struct desy_frame *frame, enum desy_transform transform, struct desy_transform_axes *axes)
{
    const size_t row = 3 * (size_t)frame->width;
    (void)transform, (void)axes;
    if (out != &clip.rgb[0][0][0][0]) return DESY_OK;
    free(first);
    bytes = row * (size_t)frame->height;
    first = malloc(bytes);
    if (!first) return desy_error_memory("a frame");
    for (int y = 0; y < frame->height; y++) memcpy(first + (size_t)y * row, frame->rgb + (ptrdiff_t)y * frame->rgb_stride, row);
    return DESY_OK;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct desy_clip_request request = {.sampling = DESY_SAMPLING_UNIFORM, .frames = 4};
        snprintf(request.path, sizeof request.path, "%s", argv[i]);
        bytes = 0;
        if (desy_video_read(&clip, &request) != DESY_OK || clip.status != DESY_STATUS_OK) {
            fprintf(stderr, "%s: %s\n", argv[i], clip.reason);
            return DESY_EDATA;
        }
        printf("%s\t%d\t%d\t%s\n", desy_status_name(clip.status), clip.width, clip.height, clip.pixel_format);
        fwrite(first, 1, bytes, stdout);
    }
    free(first);
    return DESY_OK;
}
