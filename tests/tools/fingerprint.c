/* fingerprint VIDEO...: of each video the hashes of its 8 frames, "-" where there is no detail. fingerprint -: of each picture of 224 x 224 RGB bytes on stdin, alike. */
#include "base/error.h"
#include "features/fingerprint.h"
#include "features/video.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_hash(uint64_t hash, bool detailed, char end)
{
    printf("%016" PRIx64 "%s%c", hash, detailed ? "" : "-", end);
}

static int print_video(const char *path)
{
    static struct desy_clip clip;
    struct desy_clip_request request = {.frames = DESY_FINGERPRINT_FRAMES, .sampling = DESY_SAMPLING_UNIFORM, .transform = DESY_TRANSFORM_SQUASH};
    struct desy_fingerprint print;
    desy_clip_request_paths(&request, path, "");
    const int rc = desy_video_read(&clip, &request);
    if (rc != DESY_OK || clip.status != DESY_STATUS_OK) return desy_error(rc ? rc : DESY_EDATA, "%s: %s", path, clip.reason);
    desy_fingerprint_clip(&print, &clip);
    for (int k = 0; k < DESY_FINGERPRINT_FRAMES; k++) print_hash(print.frames[k], print.detailed >> k & 1, k + 1 < DESY_FINGERPRINT_FRAMES ? ' ' : '\n');
    return DESY_OK;
}

int main(int argc, char **argv)
{
    static uint8_t rgb[DESY_INPUT_SIDE * DESY_INPUT_SIDE * 3];
    int rc = DESY_OK;
    if (argc == 2 && strcmp(argv[1], "-") == 0) {
        while (fread(rgb, sizeof rgb, 1, stdin) == 1) {
            bool detailed;
            const uint64_t hash = desy_fingerprint_picture(rgb, &detailed);
            print_hash(hash, detailed, '\n');
        }
        return 0;
    }
    for (int i = 1; rc == DESY_OK && i < argc; i++) rc = print_video(argv[i]);
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    return rc;
}
