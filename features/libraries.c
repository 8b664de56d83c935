#include "features/libraries.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdio.h>

const char *desy_ffmpeg_version(void)
{
    static _Thread_local char text[96];
    unsigned codec = avcodec_version(), format = avformat_version();
    snprintf(text, sizeof text, "libavcodec %u.%u.%u, libavformat %u.%u.%u", AV_VERSION_MAJOR(codec), AV_VERSION_MINOR(codec),
             AV_VERSION_MICRO(codec), AV_VERSION_MAJOR(format), AV_VERSION_MINOR(format), AV_VERSION_MICRO(format));
    return text;
}

bool desy_ffmpeg_has_decoder(const char *codec)
{
    return avcodec_find_decoder_by_name(codec) != NULL;
}

bool desy_ffmpeg_has_encoder(const char *encoder)
{
    return avcodec_find_encoder_by_name(encoder) != NULL;
}
