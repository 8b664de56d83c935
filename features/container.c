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

#define MOST_RETRIES 1000 /* of a demuxer that has nothing yet */
#define MOST_BOXES 64
#define MOST_BODIES 8

/* A file, or a part of one, or bytes in memory, as libavformat reads it. */
struct input {
    int fd;
    const uint8_t *memory; /* NULL: the file */
    int64_t offset, bytes, at; /* at: from the offset */
    bool skimming;
    struct { int64_t from, to; } bodies[MOST_BODIES]; /* where nothing but packets lies, ascending */
    int body_count;
};

int desy_container_refuse(const char *what, int error)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(error, text, sizeof text);
    return desy_error(DESY_EDATA, "%s: %s", what, text);
}

/* How many of the next bytes are of packets alone; else (negative) of anything. */
static int64_t skimmable(const struct input *input)
{
    int64_t other = input->bytes - input->at;
    for (int i = 0; i < input->body_count; i++) {
        if (input->at >= input->bodies[i].from && input->at < input->bodies[i].to) return input->bodies[i].to - input->at;
        if (input->at < input->bodies[i].from && input->bodies[i].from - input->at < other) other = input->bodies[i].from - input->at;
    }
    return -other;
}

static ssize_t read_at(const struct input *input, uint8_t *buffer, size_t size, int64_t at)
{
    if (!input->memory) return pread(input->fd, buffer, size, input->offset + at);
    if (at >= input->bytes) return 0;
    if (size > (size_t)(input->bytes - at)) size = (size_t)(input->bytes - at);
    memcpy(buffer, input->memory + at, size);
    return (ssize_t)size;
}

static int read_input(void *opaque, uint8_t *buffer, int size)
{
    struct input *input = opaque;
    ssize_t got;
    if (size > input->bytes - input->at) size = (int)(input->bytes - input->at);
    if (size <= 0) return AVERROR_EOF;
    if (input->skimming) {
        const int64_t body = skimmable(input);
        if (body > 0) {
            size = body < size ? (int)body : size;
            memset(buffer, 0, (size_t)size);
            input->at += size;
            return size;
        }
        if (-body < size) size = (int)-body;
    }
    do got = read_at(input, buffer, (size_t)size, input->at);
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

static uint64_t big_endian(const uint8_t *bytes, int n)
{
    uint64_t value = 0;
    for (int i = 0; i < n; i++) value = value << 8 | bytes[i];
    return value;
}

/* ISO/IEC 14496-12, 4.2: an MP4 or MOV file is a row of boxes; packets lie in `mdat`, and what tells where in `moov`. Not where it is
 * fragmented: there headers (`moof`) lie between. */
static void find_bodies(struct input *input)
{
    int64_t at = 0;
    for (int i = 0; i < MOST_BOXES && at < input->bytes; i++) {
        uint8_t head[16];
        ssize_t got = read_at(input, head, sizeof head, at);
        if (got < 8) break;
        uint64_t size = big_endian(head, 4), start = size == 1 ? 16 : 8;
        if (size == 1 && got == 16) size = big_endian(head + 8, 8);
        if (size == 0 || size > (uint64_t)(input->bytes - at)) size = (uint64_t)(input->bytes - at);
        if (size < start || memcmp(head + 4, "moof", 4) == 0) break;
        if (memcmp(head + 4, "mdat", 4) == 0) {
            if (input->body_count == MOST_BODIES) break;
            input->bodies[input->body_count].from = at + (int64_t)start;
            input->bodies[input->body_count++].to = at + (int64_t)size;
        }
        at += (int64_t)size;
        if (at == input->bytes) return;
    }
    input->body_count = 0;
}

bool desy_container_skim(AVFormatContext *format, bool skim)
{
    AVIOContext *io = format->pb;
    struct input *input = io->opaque;
    if (skim && input->body_count == 0 && desy_container_is(format, "mov")) find_bodies(input);
    if (input->skimming != (skim && input->body_count > 0)) {
        const int64_t here = avio_tell(io);
        io->buf_ptr = io->buf_end = io->buffer; /* what was read before is of the other kind */
        io->pos = input->at = here;
        input->skimming = !input->skimming;
    }
    return input->skimming;
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
    if (!input->memory) close(input->fd);
    free(input);
    av_freep(&(*io)->buffer);
    avio_context_free(io);
}

static int make_input(AVIOContext **io, const struct input *of)
{
    uint8_t *buffer = av_malloc(BUFFER);
    struct input *input = malloc(sizeof *input);
    *io = buffer && input ? avio_alloc_context(buffer, BUFFER, 0, input, read_input, NULL, seek_input) : NULL;
    if (*io) {
        *input = *of;
        return DESY_OK;
    }
    av_free(buffer);
    free(input);
    return desy_error_memory("a file");
}

static int open_input(AVIOContext **io, const struct desy_video_location *location)
{
    int fd = -1, rc = desy_video_location_open(&fd, location);
    if (rc == DESY_OK) rc = make_input(io, &(struct input){.fd = fd, .offset = location->offset, .bytes = location->bytes});
    if (rc != DESY_OK && fd >= 0) close(fd);
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

int desy_container_open_memory(AVFormatContext **format, const uint8_t *bytes, int64_t size)
{
    AVIOContext *io = NULL;
    *format = NULL;
    int rc = make_input(&io, &(struct input){.fd = -1, .memory = bytes, .bytes = size});
    if (rc != DESY_OK) return rc;
    rc = open_format(format, io, "");
    if (rc == DESY_OK) return rc;
    avformat_free_context(*format), *format = NULL;
    close_input(&io);
    return rc;
}

int desy_container_probe(AVFormatContext *format)
{
    int error = avformat_find_stream_info(format, NULL);
    return error < 0 ? desy_container_refuse("its streams can't be read", error) : DESY_OK;
}

bool desy_container_is(const AVFormatContext *format, const char *family)
{
    const size_t length = strlen(family);
    const char *name = format->iformat->name;
    return strncmp(name, family, length) == 0 && (name[length] == '\0' || name[length] == ',');
}

int desy_container_decoder(AVCodecContext **decoder, const AVStream *stream, int64_t max_pixels)
{
    int rc;
    const AVCodecParameters *parameters = stream->codecpar;
    const AVCodec *codec = avcodec_find_decoder(parameters->codec_id);
    if (!codec) return desy_error(DESY_EDATA, "there is no decoder for %s", avcodec_get_name(parameters->codec_id));
    *decoder = avcodec_alloc_context3(codec);
    if (!*decoder) return desy_error_memory("a decoder");
    int error = avcodec_parameters_to_context(*decoder, parameters);
    if (error < 0) DESY_TRY(desy_container_refuse("the parameters of its stream", error));
    (*decoder)->pkt_timebase = stream->time_base;
    (*decoder)->thread_count = 1;
    if (max_pixels > 0) (*decoder)->max_pixels = max_pixels;
    error = avcodec_open2(*decoder, codec, NULL);
    if (error < 0) DESY_TRY(desy_container_refuse("the decoder can't be opened", error));
    return DESY_OK;
out:
    avcodec_free_context(decoder);
    return rc;
}

void desy_container_select(AVFormatContext *format, const AVStream *stream)
{
    for (unsigned i = 0; i < format->nb_streams; i++) format->streams[i]->discard = format->streams[i] == stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
}

int desy_container_packet(AVFormatContext *format, const AVStream *stream, AVPacket *packet)
{
    int error, retries = 0;
    do {
        av_packet_unref(packet);
        error = av_read_frame(format, packet);
    } while ((error == AVERROR(EAGAIN) && retries++ < MOST_RETRIES) || (error >= 0 && packet->stream_index != stream->index));
    return error < 0 ? error : 0;
}

void desy_container_close(AVFormatContext **format)
{
    if (!*format) return;
    AVIOContext *io = (*format)->pb;
    avformat_close_input(format);
    close_input(&io);
}
