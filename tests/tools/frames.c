/* The frames that clips are made of, before any transform, for tests/parity/test_decode.py: frames FILE... For each file and each
 * sampling, and for the last of three windows, a line: file, sampling, status, reason, number of all frames, width, height, number of frames that follow; then a line for
 * each of these: index, seconds, SHA-256 of its luma and of its RGB. This file's desy_transform_frame is linked in place of the
 * library's, and sees what that would see. */
#include "base/error.h"
#include "base/hash.h"
#include "features/transform.h"
#include "features/video.h"

#include <stdio.h>

static struct desy_clip clip;
static char luma_hashes[DESY_MAX_FRAMES][DESY_SHA256_HEX], rgb_hashes[DESY_MAX_FRAMES][DESY_SHA256_HEX];

static int hash_plane(char hex[DESY_SHA256_HEX], const uint8_t *plane, int stride, int width, int height)
{
    desy_sha256 *hash = NULL;
    int rc;
    DESY_TRY(desy_sha256_open(&hash));
    for (int y = 0; y < height; y++) DESY_TRY(desy_sha256_update(hash, plane + (ptrdiff_t)y * stride, (size_t)width));
    DESY_TRY(desy_sha256_finish(&hash, hex));
out:
    desy_sha256_close(&hash);
    return rc;
}

void desy_transform_axes_close(struct desy_transform_axes *axes)
{
    (void)axes;
}

int desy_transform_frame(uint8_t *out, const struct desy_frame *frame, enum desy_transform transform, struct desy_transform_axes *axes)
{
    const size_t row = (size_t)(out - &clip.rgb[0][0][0][0]) / sizeof *clip.rgb;
    (void)transform, (void)axes;
    int rc = hash_plane(luma_hashes[row], frame->luma, frame->luma_stride, frame->width, frame->height);
    return rc == DESY_OK ? hash_plane(rgb_hashes[row], frame->rgb, frame->rgb_stride, 3 * frame->width, frame->height) : rc;
}

/* The last of so many windows; a shorter video has fewer. */
static int print_clip(const char *path, enum desy_sampling sampling, int windows)
{
    struct desy_clip_request request = {.sampling = sampling, .frames = 16, .windows = windows};
    desy_video *video = NULL;
    int rc;
    snprintf(request.path, sizeof request.path, "%s", path);
    DESY_TRY(desy_video_open(&video, &request));
    do DESY_TRY(desy_video_next(video, &clip));
    while (!desy_clip_is_last(&clip));
    printf("%s\t%s\t%s\t%s\t%lld\t%d\t%d\t%d\n", path, desy_sampling_name(sampling), desy_status_name(clip.status), clip.reason,
           (long long)clip.total_frames, clip.width, clip.height, clip.frames);
    for (int k = 0; k < clip.frames; k++) printf("%lld\t%.9f\t%s\t%s\n", (long long)clip.frame_index[k], clip.pts[k], luma_hashes[k], rgb_hashes[k]);
out:
    desy_video_close(&video);
    return rc;
}

int main(int argc, char **argv)
{
    int rc = DESY_OK;
    for (int i = 1; i < argc; i++) {
        DESY_TRY(print_clip(argv[i], DESY_SAMPLING_WINDOW, 1));
        DESY_TRY(print_clip(argv[i], DESY_SAMPLING_UNIFORM, 1));
        DESY_TRY(print_clip(argv[i], DESY_SAMPLING_KEYFRAME, 1));
        DESY_TRY(print_clip(argv[i], DESY_SAMPLING_WINDOW, 3));
    }
out:
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    return rc;
}
