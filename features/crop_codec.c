#include "features/crop_codec.h"

#include "base/error.h"
#include "features/clip.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <stdio.h>

enum { SIDE = DESY_INPUT_SIDE, BYTES = SIDE * SIDE * 3 };
static const int row_bytes[1] = {SIDE * 3};

struct passage {
    AVCodecContext *encoder, *decoder;
    AVFrame *picture, *decoded;
    AVPacket *packet;
    struct SwsContext *to_yuv, *to_rgb;
    uint8_t *crops;
    int count, done; /* of crops; of decoded pictures */
};

static int failed(const struct passage *passage, int error)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(error, text, sizeof text);
    return desy_error(DESY_EENV, "crops through %s: %s", passage->encoder ? passage->encoder->codec->name : "a codec", text);
}

static int open_passage(struct passage *passage, const char *encoder, enum AVPixelFormat format, int scale, const char *options)
{
    av_log_set_level(AV_LOG_ERROR); /* encoders tell a story of every picture */
    const AVCodec *known = avcodec_find_encoder_by_name(encoder), *back = known ? avcodec_find_decoder(known->id) : NULL;
    if (!back) return desy_error(DESY_EENV, "this FFmpeg has no %s, which --augmentation forensic needs; use a build that has it (Debian's has)", encoder);
    passage->encoder = avcodec_alloc_context3(known), passage->decoder = avcodec_alloc_context3(back);
    passage->picture = av_frame_alloc(), passage->decoded = av_frame_alloc(), passage->packet = av_packet_alloc();
    const int flags = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP;
    passage->to_yuv = sws_getContext(SIDE, SIDE, AV_PIX_FMT_RGB24, SIDE, SIDE, format, flags, NULL, NULL, NULL);
    passage->to_rgb = sws_getContext(SIDE, SIDE, format, SIDE, SIDE, AV_PIX_FMT_RGB24, flags, NULL, NULL, NULL);
    if (!passage->encoder || !passage->decoder || !passage->picture || !passage->decoded || !passage->packet || !passage->to_yuv || !passage->to_rgb) return desy_error_memory("crops through a codec");
    AVCodecContext *const contexts[] = {passage->encoder, passage->decoder};
    for (int i = 0; i < 2; i++) {
        contexts[i]->width = contexts[i]->height = SIDE;
        contexts[i]->pix_fmt = format;
        contexts[i]->thread_count = 1;
        contexts[i]->flags |= AV_CODEC_FLAG_BITEXACT;
    }
    passage->encoder->time_base = (AVRational){1, 25};
    passage->encoder->gop_size = 1;
    if (scale) passage->encoder->flags |= AV_CODEC_FLAG_QSCALE, passage->encoder->qmin = 1, passage->encoder->global_quality = scale * FF_QP2LAMBDA;
    int error = options ? av_set_options_string(passage->encoder->priv_data, options, "=", ":") : 0;
    if (error >= 0) error = avcodec_open2(passage->encoder, known, NULL);
    if (error >= 0) error = avcodec_open2(passage->decoder, back, NULL);
    passage->picture->format = format, passage->picture->width = passage->picture->height = SIDE;
    if (error >= 0) error = av_frame_get_buffer(passage->picture, 0);
    return error < 0 ? failed(passage, error) : DESY_OK;
}

static void close_passage(struct passage *passage)
{
    avcodec_free_context(&passage->encoder);
    avcodec_free_context(&passage->decoder);
    av_frame_free(&passage->picture);
    av_frame_free(&passage->decoded);
    av_packet_free(&passage->packet);
    sws_freeContext(passage->to_yuv);
    sws_freeContext(passage->to_rgb);
}

/* The pictures that the decoder has ready, in their order. */
static int take_pictures(struct passage *passage)
{
    int error;
    while ((error = avcodec_receive_frame(passage->decoder, passage->decoded)) >= 0) {
        uint8_t *const to[] = {passage->crops + (size_t)passage->done++ * BYTES};
        if (passage->done > passage->count || passage->decoded->width != SIDE || passage->decoded->height != SIDE) return AVERROR_INVALIDDATA;
        sws_scale(passage->to_rgb, (const uint8_t *const *)passage->decoded->data, passage->decoded->linesize, 0, SIDE, to, row_bytes);
    }
    return error == AVERROR(EAGAIN) || error == AVERROR_EOF ? 0 : error;
}

/* What the encoder has ready goes to the decoder. */
static int pass_packets(struct passage *passage)
{
    int error;
    while ((error = avcodec_receive_packet(passage->encoder, passage->packet)) >= 0) {
        error = avcodec_send_packet(passage->decoder, passage->packet);
        av_packet_unref(passage->packet);
        if (error >= 0) error = take_pictures(passage);
        if (error < 0) return error;
    }
    return error == AVERROR(EAGAIN) || error == AVERROR_EOF ? 0 : error;
}

/* A crop is read before the picture that takes its place is made: pictures come out in the order in which they went in. */
static int run_passage(struct passage *passage)
{
    int error = 0;
    for (int i = 0; error >= 0 && i < passage->count; i++) {
        const uint8_t *const from[] = {passage->crops + (size_t)i * BYTES};
        error = av_frame_make_writable(passage->picture);
        if (error < 0) break;
        sws_scale(passage->to_yuv, from, row_bytes, 0, SIDE, passage->picture->data, passage->picture->linesize);
        passage->picture->pts = i;
        passage->picture->quality = passage->encoder->global_quality;
        error = avcodec_send_frame(passage->encoder, passage->picture);
        if (error >= 0) error = pass_packets(passage);
    }
    if (error >= 0) error = avcodec_send_frame(passage->encoder, NULL);
    if (error >= 0) error = pass_packets(passage);
    if (error >= 0) error = avcodec_send_packet(passage->decoder, NULL);
    if (error >= 0) error = take_pictures(passage);
    if (error >= 0 && passage->done != passage->count) error = AVERROR_INVALIDDATA;
    return error < 0 ? failed(passage, error) : DESY_OK;
}

static int pass(uint8_t *crops, int count, const char *encoder, enum AVPixelFormat format, int scale, const char *options)
{
    struct passage passage = {.crops = crops, .count = count};
    int rc = open_passage(&passage, encoder, format, scale, options);
    if (rc == DESY_OK) rc = run_passage(&passage);
    close_passage(&passage);
    return rc;
}

int desy_crops_jpeg(uint8_t *crops, int count, int quantiser)
{
    return pass(crops, count, "mjpeg", AV_PIX_FMT_YUVJ420P, quantiser, NULL);
}

int desy_crops_h264(uint8_t *crops, int count, int factor)
{
    char options[96];
    snprintf(options, sizeof options, "preset=veryfast:tune=zerolatency:crf=%d", factor);
    return pass(crops, count, "libx264", AV_PIX_FMT_YUV420P, 0, options);
}
