#include "features/container.h"

#include "base/error.h"

#include <stdio.h>

/* Usual containers, and those of sound alone, so that a sound file is called one. None opens another file. */
static const char containers[] = "mov,matroska,avi,gif,apng,mpegts,mpeg,mpegvideo,m4v,flv,ogg,asf,mjpeg,ivf,h264,hevc,obu,"
                                 "yuv4mpegpipe,mxf,nut,dv,wav,mp3,flac,aac";

int desy_container_refuse(const char *what, int error)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(error, text, sizeof text);
    return desy_error(DESY_EDATA, "%s: %s", what, text);
}

int desy_container_open(AVFormatContext **format, const char *path)
{
    char url[4096 + sizeof "file:"]; /* without it, a colon in a name reads as a protocol */
    AVDictionary *options = NULL;
    snprintf(url, sizeof url, "file:%s", path);
    if (av_dict_set(&options, "protocol_whitelist", "file", 0) < 0 || av_dict_set(&options, "format_whitelist", containers, 0) < 0) {
        av_dict_free(&options);
        return desy_error_memory("the options of a container");
    }
    int error = avformat_open_input(format, url, NULL, &options);
    av_dict_free(&options);
    if (error == AVERROR(EINVAL) || error == AVERROR_INVALIDDATA) return desy_error(DESY_EDATA, "not a video, or damaged from its start");
    return error < 0 ? desy_container_refuse("can't be opened", error) : DESY_OK;
}

int desy_container_probe(AVFormatContext *format)
{
    int error = avformat_find_stream_info(format, NULL);
    return error < 0 ? desy_container_refuse("its streams can't be read", error) : DESY_OK;
}

void desy_container_close(AVFormatContext **format)
{
    avformat_close_input(format);
}
