/* alter NAME WIDTH HEIGHT FPS: raw yuv420p frames on stdin, through the alteration of that name (features/alteration.h), as an MP4 file on stdout. */
#include "base/error.h"
#include "features/alteration.h"
#include "features/reencode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int find(int *number, const char *name)
{
    for (*number = 1; *number <= desy_alteration_count(); ++*number)
        if (strcmp(desy_alteration(*number)->name, name) == 0) return DESY_OK;
    return desy_error(DESY_EUSAGE, "no alteration %s", name);
}

/* One frame of stdin, into memory that nobody else holds; false at its end. */
static bool read_frame(AVFrame *frame)
{
    if (av_frame_make_writable(frame) < 0) return false;
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < frame->height >> (c > 0); y++)
            if (fread(frame->data[c] + y * frame->linesize[c], 1, (size_t)(frame->width >> (c > 0)), stdin) != (size_t)(frame->width >> (c > 0))) return false;
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 5) return DESY_EUSAGE;
    int rc = DESY_OK, number;
    int64_t frames;
    desy_reencode *reencode = NULL;
    struct desy_video_bytes bytes = {0};
    const int fps = atoi(argv[4]);
    AVFrame *frame = av_frame_alloc();
    if (!frame) return DESY_EENV;
    frame->format = AV_PIX_FMT_YUV420P, frame->width = atoi(argv[2]), frame->height = atoi(argv[3]);
    DESY_TRY(find(&number, argv[1]));
    DESY_TRY(desy_reencode_open(&reencode, &(struct desy_reencode_options){desy_view_recipe(DESY_VIEWS_ALTERED, 0, 0, number), 5, fps, false}));
    if (av_frame_get_buffer(frame, 0) < 0) DESY_TRY(desy_error_memory("a frame"));
    for (int i = 0; read_frame(frame); i++) DESY_TRY(desy_reencode_frame(reencode, frame, (double)i / fps));
    DESY_TRY(desy_reencode_take(&reencode, &bytes, &frames, 4));
    if (fwrite(bytes.data, 1, bytes.size, stdout) != bytes.size) DESY_TRY(desy_error(DESY_EENV, "stdout can't be written"));
out:
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    desy_reencode_close(&reencode);
    av_frame_free(&frame);
    free(bytes.data);
    return rc;
}
