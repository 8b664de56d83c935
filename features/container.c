#include "features/container.h"

#include "base/error.h"
#include "features/tar.h"
#include "features/video_location.h"

#include <errno.h>
#include <libavutil/mem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER 32768 /* of a read; larger packets are read past it. Larger ones were no faster, and seeks throw more away */

/* Usual containers, and those of sound alone, so that a sound file is called one. None opens another file. */
static const char containers[] = "mov,matroska,avi,gif,apng,mpegts,mpeg,mpegvideo,m4v,flv,ogg,asf,mjpeg,ivf,h264,hevc,obu,"
                                 "yuv4mpegpipe,mxf,nut,dv,wav,mp3,flac,aac";

/* A file, or a part of one, as libavformat reads it. */
struct input {
    int fd;
    int64_t offset, bytes, at; /* at: from the offset */
};

int desy_container_refuse(const char *what, int error)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(error, text, sizeof text);
    return desy_error(DESY_EDATA, "%s: %s", what, text);
}

static int read_input(void *opaque, uint8_t *buffer, int size)
{
    struct input *input = opaque;
    ssize_t got;
    if (size > input->bytes - input->at) size = (int)(input->bytes - input->at);
    if (size <= 0) return AVERROR_EOF;
    do got = pread(input->fd, buffer, (size_t)size, input->offset + input->at);
    while (got < 0 && errno == EINTR);
    if (got > 0) input->at += got;
    return got > 0 ? (int)got : got == 0 ? AVERROR_EOF : AVERROR(errno);
}

static int64_t seek_input(void *opaque, int64_t position, int whence)
{
    struct input *input = opaque;
    int64_t from = whence == SEEK_CUR ? input->at : whence == SEEK_END ? input->bytes : 0;
    if (whence == AVSEEK_SIZE) return input->bytes;
    if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END) return AVERROR(EINVAL);
    if (position > input->bytes - from || position < -from) return AVERROR(EINVAL);
    return input->at = from + position;
}

/* A demuxer that asks for another file. */
static int refuse_other_file(AVFormatContext *format, AVIOContext **io, const char *url, int flags, AVDictionary **options)
{
    (void)format, (void)url, (void)flags, (void)options;
    *io = NULL;
    return AVERROR(EPERM);
}

static void close_input(AVIOContext **io)
{
    if (!*io) return;
    struct input *input = (*io)->opaque;
    close(input->fd);
    free(input);
    av_freep(&(*io)->buffer);
    avio_context_free(io);
}

static int open_input(AVIOContext **io, const struct desy_video_location *location)
{
    int rc, fd = -1;
    uint8_t *buffer = NULL;
    struct input *input = NULL;
    DESY_TRY(desy_video_location_open(&fd, location));
    buffer = av_malloc(BUFFER);
    input = malloc(sizeof *input);
    *io = buffer && input ? avio_alloc_context(buffer, BUFFER, 0, input, read_input, NULL, seek_input) : NULL;
    if (!*io) DESY_TRY(desy_error_memory("a file"));
    *input = (struct input){fd, location->offset, location->bytes, 0};
    return DESY_OK;
out:
    if (fd >= 0) close(fd);
    av_free(buffer);
    free(input);
    return rc;
}

static int open_format(AVFormatContext **format, AVIOContext *io, const char *name)
{
    AVDictionary *options = NULL;
    *format = avformat_alloc_context();
    if (!*format) return desy_error_memory("a container");
    (*format)->pb = io;
    (*format)->io_open = refuse_other_file;
    if (av_dict_set(&options, "protocol_whitelist", "", 0) < 0 || av_dict_set(&options, "format_whitelist", containers, 0) < 0) {
        av_dict_free(&options);
        return desy_error_memory("the options of a container");
    }
    int error = avformat_open_input(format, name, NULL, &options); /* on failure it frees the context, not the file */
    av_dict_free(&options);
    if (error == AVERROR(EINVAL) || error == AVERROR_INVALIDDATA) return desy_error(DESY_EDATA, "not a video, or damaged from its start");
    return error < 0 ? desy_container_refuse("can't be opened", error) : DESY_OK;
}

/* In words of its own where a shard stands for its members, as desy_dataset_from_paths lists them. */
static int refuse_shard(const char *path)
{
    bool compressed;
    desy_tar *tar = NULL;
    if (!desy_tar_is_name(path, strlen(path), &compressed)) return DESY_EDATA;
    int rc = desy_tar_open(&tar, path);
    if (rc == DESY_OK && *desy_tar_damage(tar)) rc = desy_error(DESY_EDATA, "a damaged tar shard: at %s; what lies beyond is lost", desy_tar_damage(tar));
    else if (rc == DESY_OK) rc = desy_error(DESY_EDATA, "a tar shard, and not a video: name one of its members (shard.tar/MEMBER)");
    desy_tar_close(&tar);
    return rc;
}

int desy_container_open(AVFormatContext **format, const char *path)
{
    int rc;
    AVIOContext *io = NULL;
    struct desy_video_location location;
    *format = NULL;
    DESY_TRY(desy_video_locate(&location, path));
    DESY_TRY(open_input(&io, &location));
    rc = open_format(format, io, location.name);
    if (rc == DESY_EDATA && strcmp(location.file, path) == 0) rc = refuse_shard(path);
    if (rc == DESY_OK) io = NULL;
out:
    if (rc != DESY_OK) avformat_free_context(*format), *format = NULL;
    close_input(&io);
    return rc;
}

int desy_container_probe(AVFormatContext *format)
{
    int error = avformat_find_stream_info(format, NULL);
    return error < 0 ? desy_container_refuse("its streams can't be read", error) : DESY_OK;
}

void desy_container_close(AVFormatContext **format)
{
    if (!*format) return;
    AVIOContext *io = (*format)->pb;
    avformat_close_input(format);
    close_input(&io);
}
