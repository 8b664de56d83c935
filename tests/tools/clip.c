/* What a clip carries beyond its frames, for tests/parity/test_clip.py: clip VIDEO SOUND [FRAMES]; SOUND may be "". A line of JSON, then the sound
 * (int16) and the crops (4, 224, 224, 3) as bytes. */
#include "base/error.h"
#include "features/video.h"

#include <stdio.h>
#include <stdlib.h>

static struct desy_clip clip;

int main(int argc, char **argv)
{
    struct desy_clip_request request = {.frames = argc > 3 ? atoi(argv[3]) : 16, .crops = true, .audio = true};
    if (argc < 3) return DESY_EUSAGE;
    snprintf(request.path, sizeof request.path, "%s", argv[1]);
    snprintf(request.audio_path, sizeof request.audio_path, "%s", argv[2]);
    int rc = desy_video_read(&clip, &request);
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    if (rc != DESY_OK || clip.status != DESY_STATUS_OK) return rc ? rc : DESY_EDATA;
    printf("{\"reason\": \"%s\", \"muxer\": \"%s\", \"samples\": %d, \"frames\": [", clip.reason, clip.muxer, clip.audio_samples);
    for (int k = 0; k < clip.frames; k++) printf("%s%lld", k ? ", " : "", (long long)clip.frame_index[k]);
    printf("], \"first\": %.9f, \"last\": %.9f}\n", clip.pts[0], clip.pts[clip.frames - 1]);
    fwrite(clip.audio, sizeof *clip.audio, (size_t)clip.audio_samples, stdout);
    fwrite(clip.crops, sizeof clip.crops, 1, stdout);
    return DESY_OK;
}
