#include "features/media.h"

#include "base/error.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* Demuxers of single files. HLS, concat and the like would open other files, or the network. */
static const char demuxers[] = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,mpegvideo,flv,ogg,asf,h264,hevc,ivf,mjpeg,m4v,obu,dv,mxf,y4m,yuv4mpegpipe,nut,swf,rm,wtv";

static int no_good(const char *what, int error)
{
    char text[AV_ERROR_MAX_STRING_SIZE];
    return desy_error(DESY_EDATA, "%s: %s", what, av_make_error_string(text, sizeof text, error));
}

static int open_format(struct desy_media *media, const char *path)
{
    AVDictionary *options = NULL;
    char *url = desy_format("file:%s", path); /* a colon in a name would be taken for a protocol */
    if (!url) return desy_error_memory("a path");
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    av_dict_set(&options, "format_whitelist", demuxers, 0);
    int error = avformat_open_input(&media->format, url, NULL, &options);
    av_dict_free(&options);
    free(url);
    if (error < 0) return no_good("not a video that can be opened", error);
    error = avformat_find_stream_info(media->format, NULL);
    return error < 0 ? no_good("its streams cannot be read", error) : DESY_OK;
}

static int open_decoder(struct desy_media *media, bool *no_video)
{
    const AVCodec *codec = NULL;
    int index = av_find_best_stream(media->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (index == AVERROR_STREAM_NOT_FOUND || (index >= 0 && media->format->streams[index]->disposition & AV_DISPOSITION_ATTACHED_PIC)) {
        *no_video = true;
        return desy_error(DESY_EDATA, "the file has no video stream");
    }
    if (index < 0) return no_good("no decoder for its video", index);
    media->stream = media->format->streams[index];
    for (unsigned i = 0; i < media->format->nb_streams; i++)
        if ((int)i != index) media->format->streams[i]->discard = AVDISCARD_ALL;
    media->decoder = avcodec_alloc_context3(codec);
    media->packet = av_packet_alloc();
    if (!media->decoder || !media->packet) return desy_error_memory("a decoder");
    int error = avcodec_parameters_to_context(media->decoder, media->stream->codecpar);
    if (error < 0) return no_good("its video parameters", error);
    media->decoder->thread_count = 1; /* threads change the pixels of damaged clips */
    media->decoder->pkt_timebase = media->stream->time_base;
    media->decoder->max_pixels = 8192 * 8192;
    error = avcodec_open2(media->decoder, codec, NULL);
    return error < 0 ? no_good("its decoder does not open", error) : DESY_OK;
}

int desy_media_open(struct desy_media *media, const char *path, bool *no_video)
{
    int rc;
    av_log_set_level(AV_LOG_QUIET);
    DESY_TRY(open_format(media, path));
    DESY_TRY(open_decoder(media, no_video));
out:
    return rc;
}

int desy_media_rewind(struct desy_media *media, const char *path)
{
    bool no_video;
    desy_media_close(media);
    return desy_media_open(media, path, &no_video);
}

int desy_media_decode(struct desy_media *media, AVFrame *frame)
{
    for (;;) {
        int error = avcodec_receive_frame(media->decoder, frame);
        if (error == 0) return 1;
        if (error == AVERROR_EOF) return 0;
        if (media->drained) {
            if (error == AVERROR(EAGAIN)) return 0;
            continue;
        }
        do {
            av_packet_unref(media->packet);
            error = av_read_frame(media->format, media->packet);
        } while (error >= 0 && media->packet->stream_index != media->stream->index);
        if (error < 0) {
            media->drained = true;
            avcodec_send_packet(media->decoder, NULL);
            continue;
        }
        avcodec_send_packet(media->decoder, media->packet); /* a broken packet shows as a missing or flagged frame */
        av_packet_unref(media->packet);
    }
}

void desy_media_describe(const struct desy_media *media, struct desy_clip *clip)
{
    const char *pixel = av_get_pix_fmt_name(media->decoder->pix_fmt);
    snprintf(clip->codec, sizeof clip->codec, "%s", avcodec_get_name(media->stream->codecpar->codec_id));
    snprintf(clip->container, sizeof clip->container, "%s", media->format->iformat->name);
    snprintf(clip->pixel_format, sizeof clip->pixel_format, "%s", pixel ? pixel : "");
    clip->bit_rate = media->format->bit_rate;
    clip->width = media->stream->codecpar->width;
    clip->height = media->stream->codecpar->height;
}

void desy_media_close(struct desy_media *media)
{
    av_packet_free(&media->packet);
    avcodec_free_context(&media->decoder);
    avformat_close_input(&media->format);
    *media = (struct desy_media){0};
}
