#include "features/thumbnail.h"

#include "base/error.h"
#include "base/file.h"
#include "features/clip.h"

#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>

enum { SIDE = DESY_INPUT_SIDE, QUANTISER = 4 };

static int open_encoder(AVCodecContext **encoder)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    if (!codec) return desy_error(DESY_EENV, "this FFmpeg has no mjpeg; use a build that has it (Debian's has)");
    *encoder = avcodec_alloc_context3(codec);
    if (!*encoder) return desy_error_memory("a thumbnail");
    (*encoder)->width = (*encoder)->height = SIDE;
    (*encoder)->pix_fmt = AV_PIX_FMT_YUVJ420P;
    (*encoder)->time_base = (AVRational){1, 25};
    (*encoder)->thread_count = 1;
    (*encoder)->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_QSCALE;
    (*encoder)->global_quality = QUANTISER * FF_QP2LAMBDA;
    return avcodec_open2(*encoder, codec, NULL) >= 0 ? DESY_OK : desy_error(DESY_EENV, "libavcodec's mjpeg can't be opened");
}

static int fill_picture(AVFrame *picture, const uint8_t *rgb)
{
    picture->format = AV_PIX_FMT_YUVJ420P, picture->width = picture->height = SIDE;
    picture->quality = QUANTISER * FF_QP2LAMBDA;
    struct SwsContext *scaler = sws_getContext(SIDE, SIDE, AV_PIX_FMT_RGB24, SIDE, SIDE, AV_PIX_FMT_YUV420P, SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT, NULL, NULL, NULL);
    const int *const matrix = sws_getCoefficients(SWS_CS_ITU601); /* JPEG's, of the full range, which the picture's format says to the encoder and may not say to swscale */
    const bool ok = scaler && sws_setColorspaceDetails(scaler, matrix, 1, matrix, 1, 0, 1 << 16, 1 << 16) >= 0 && av_frame_get_buffer(picture, 0) >= 0;
    if (ok) sws_scale(scaler, &rgb, (const int[]){SIDE * 3}, 0, SIDE, picture->data, picture->linesize);
    sws_freeContext(scaler);
    return ok ? DESY_OK : desy_error_memory("a thumbnail");
}

int desy_thumbnail_write(const uint8_t *rgb, const char *path)
{
    AVCodecContext *encoder = NULL;
    AVFrame *picture = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    int rc = picture && packet ? open_encoder(&encoder) : desy_error_memory("a thumbnail");
    if (rc == DESY_OK) rc = fill_picture(picture, rgb);
    if (rc == DESY_OK && (avcodec_send_frame(encoder, picture) < 0 || avcodec_receive_packet(encoder, packet) < 0)) rc = desy_error(DESY_EENV, "libavcodec's mjpeg failed");
    if (rc == DESY_OK) rc = desy_file_write_atomic(path, packet->data, (size_t)packet->size);
    avcodec_free_context(&encoder);
    av_frame_free(&picture);
    av_packet_free(&packet);
    return rc;
}
