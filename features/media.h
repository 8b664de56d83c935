/* Inside features/: an opened media file and its one video decoder. */
#ifndef DESY_FEATURES_MEDIA_H
#define DESY_FEATURES_MEDIA_H

#include "features/clip.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>

struct desy_media {
    AVFormatContext *format;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVStream *stream; /* borrowed */
    bool drained, unseekable;
};

/* `file:` alone, known containers alone, one thread. DESY_EDATA with FFmpeg's reason; *no_video: it opened, but has no video stream. */
int desy_media_open(struct desy_media *media, const char *path, bool *no_video);
/* From the start again, as if just opened. */
int desy_media_rewind(struct desy_media *media, const char *path);
/* The next frame in presentation order: 1, or 0 at the end (errors of single packets are passed over). */
int desy_media_decode(struct desy_media *media, AVFrame *frame);
void desy_media_describe(const struct desy_media *media, struct desy_clip *clip);
void desy_media_close(struct desy_media *media);

#endif
