/* How much of a video is read to make a clip of it, for tests/parity/test_decode.py: reading FILE... Lines: file, its bytes, bytes read. */
#include "base/error.h"
#include "features/video.h"

#include <stdio.h>

static struct desy_clip clip;

static long long bytes_read(void)
{
    long long bytes = -1;
    FILE *file = fopen("/proc/self/io", "re");
    if (!file || fscanf(file, "rchar: %lld", &bytes) != 1) bytes = -1;
    if (file) fclose(file);
    return bytes;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct desy_clip_request request = {.frames = 16};
        snprintf(request.path, sizeof request.path, "%s", argv[i]);
        const long long before = bytes_read();
        if (desy_video_read(&clip, &request) != DESY_OK || clip.status != DESY_STATUS_OK || before < 0) return DESY_EDATA;
        printf("%s\t%lld\t%lld\n", argv[i], (long long)clip.size, bytes_read() - before);
    }
    return DESY_OK;
}
