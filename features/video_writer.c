#include "features/video_writer.h"

#include "base/error.h"
#include "base/file.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct track {
    AVCodecContext *codec;
    AVStream *stream;
    AVFrame *frame;
    int64_t pts;
};

#define BUFFER 32768 /* of a write into memory */

/* What a muxer writes to, and goes back in, where there is no file. */
struct memory {
    struct desy_video_bytes bytes;
    size_t room, at;
};

struct desy_video_writer {
    char *path, *temporary;     /* of a file; of one in memory `path` is what messages call it, and there is no temporary */
    struct memory memory;
    AVFormatContext *format;
    struct track video, sound;
    AVPacket *packet;
    struct SwsContext *convert; /* yuv420p to the encoder's pixel format, where that is another */
    int filled;                 /* samples in sound.frame */
    int interval;               /* ticks that a frame lasts, on average */
};

static int failed(const desy_video_writer *writer, const char *what, int error)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(error, text, sizeof text);
    return desy_error(DESY_EENV, "%s: %s failed: %s", writer->path, what, text);
}

static int write_memory(void *opaque, uint8_t *data, int size)
{
    struct memory *memory = opaque;
    const size_t end = memory->at + (size_t)size;
    if (end > memory->room) {
        const size_t room = end > 2 * memory->room ? end : 2 * memory->room;
        uint8_t *larger = realloc(memory->bytes.data, room);
        if (!larger) return AVERROR(ENOMEM);
        memory->bytes.data = larger;
        memory->room = room;
    }
    if (memory->at > memory->bytes.size) memset(memory->bytes.data + memory->bytes.size, 0, memory->at - memory->bytes.size);
    memcpy(memory->bytes.data + memory->at, data, (size_t)size);
    memory->at = end;
    if (end > memory->bytes.size) memory->bytes.size = end;
    return size;
}

static int64_t seek_memory(void *opaque, int64_t position, int whence)
{
    struct memory *memory = opaque;
    if (whence == AVSEEK_SIZE) return (int64_t)memory->bytes.size;
    if (whence != SEEK_SET || position < 0) return AVERROR(EINVAL); /* libavformat makes these of the others */
    memory->at = (size_t)position;
    return position;
}

static int open_output(desy_video_writer *writer)
{
    if (writer->temporary) return avio_open(&writer->format->pb, writer->temporary, AVIO_FLAG_WRITE);
    uint8_t *buffer = av_malloc(BUFFER);
    writer->format->pb = buffer ? avio_alloc_context(buffer, BUFFER, 1, &writer->memory, NULL, write_memory, seek_memory) : NULL;
    if (!writer->format->pb) av_free(buffer);
    return writer->format->pb ? 0 : AVERROR(ENOMEM);
}

static int close_output(desy_video_writer *writer)
{
    AVIOContext **io = &writer->format->pb;
    if (writer->temporary || !*io) return avio_closep(io);
    avio_flush(*io);
    const int error = (*io)->error;
    av_freep(&(*io)->buffer);
    avio_context_free(io);
    return error;
}

static int open_codec(desy_video_writer *writer, struct track *track, const char *options)
{
    AVDictionary *dictionary = NULL;
    int error = 0;

    track->codec->thread_count = 1;
    track->codec->flags |= AV_CODEC_FLAG_BITEXACT;
    if (writer->format->oformat->flags & AVFMT_GLOBALHEADER) track->codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    error = av_dict_parse_string(&dictionary, options, "=", ":", 0);
    if (error >= 0) error = avcodec_open2(track->codec, track->codec->codec, &dictionary);
    av_dict_free(&dictionary);
    if (error < 0) return failed(writer, "opening the encoder", error);

    track->stream = avformat_new_stream(writer->format, NULL);
    track->frame = av_frame_alloc();
    if (!track->stream || !track->frame) return desy_error_memory("a video stream");
    track->stream->time_base = track->codec->time_base;
    error = avcodec_parameters_from_context(track->stream->codecpar, track->codec);
    return error < 0 ? failed(writer, "describing the stream", error) : DESY_OK;
}

static int find_codec(desy_video_writer *writer, struct track *track, const char *name)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(name);
    if (!codec)
        return desy_error(DESY_EENV, "%s: this FFmpeg has no encoder %s; use a build that has it (Debian's has)", writer->path, name);
    track->codec = avcodec_alloc_context3(codec);
    return track->codec ? DESY_OK : desy_error_memory("an encoder");
}

static int open_video(desy_video_writer *writer, const struct desy_video_writer_options *options)
{
    struct track *track = &writer->video;
    int rc = find_codec(writer, track, options->video_encoder);
    if (rc != DESY_OK) return rc;

    AVCodecContext *codec = track->codec;
    codec->width = options->width;
    codec->height = options->height;
    codec->time_base = (AVRational){1, options->ticks ? options->ticks : options->fps};
    codec->framerate = (AVRational){options->fps, 1};
    codec->gop_size = options->gop ? options->gop : 2 * options->fps;
    if (options->matrix) codec->colorspace = options->matrix, codec->color_range = options->full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    codec->pix_fmt = codec->codec->id == AV_CODEC_ID_GIF ? AV_PIX_FMT_RGB8 : AV_PIX_FMT_YUV420P;
    rc = open_codec(writer, track, options->video_options);
    if (rc != DESY_OK) return rc;
    track->stream->avg_frame_rate = codec->framerate;
    writer->interval = options->ticks ? options->ticks / options->fps : 1;

    track->frame->format = codec->pix_fmt;
    track->frame->width = options->width;
    track->frame->height = options->height;
    int error = av_frame_get_buffer(track->frame, 0);
    if (error < 0) return failed(writer, "allocating a frame", error);
    writer->convert = sws_getContext(options->width, options->height, AV_PIX_FMT_YUV420P, options->width, options->height, codec->pix_fmt,
                                     SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT, NULL, NULL, NULL);
    return writer->convert ? DESY_OK : desy_error_memory("a pixel format conversion");
}

static int open_sound(desy_video_writer *writer, const struct desy_video_writer_options *options)
{
    struct track *track = &writer->sound;
    int rc = find_codec(writer, track, options->audio_encoder);
    if (rc != DESY_OK) return rc;

    AVCodecContext *codec = track->codec;
    codec->sample_rate = DESY_SOUND_RATE;
    codec->time_base = (AVRational){1, DESY_SOUND_RATE};
    codec->bit_rate = 64000;
    codec->sample_fmt = codec->codec->sample_fmts ? codec->codec->sample_fmts[0] : AV_SAMPLE_FMT_FLTP;
    codec->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_MONO;
    rc = open_codec(writer, track, "");
    if (rc != DESY_OK) return rc;

    track->frame->format = codec->sample_fmt;
    track->frame->nb_samples = codec->frame_size;
    track->frame->sample_rate = codec->sample_rate;
    int error = av_channel_layout_copy(&track->frame->ch_layout, &codec->ch_layout);
    if (error >= 0) error = av_frame_get_buffer(track->frame, 0);
    return error < 0 ? failed(writer, "allocating a frame of sound", error) : DESY_OK;
}

int desy_video_writer_open(desy_video_writer **out, const struct desy_video_writer_options *options)
{
    int rc = DESY_OK, error = 0;
    desy_video_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return desy_error_memory("a video writer");
    av_log_set_level(AV_LOG_ERROR);
    writer->path = desy_format("%s", options->path ? options->path : options->video_encoder);
    writer->temporary = options->path ? desy_format("%s.tmp.%ld", options->path, (long)getpid()) : NULL;
    writer->packet = av_packet_alloc();
    if (!writer->path || (options->path && !writer->temporary) || !writer->packet) {
        rc = desy_error_memory("a video writer");
        goto out;
    }
    error = avformat_alloc_output_context2(&writer->format, NULL, options->muxer, writer->temporary);
    if (error < 0) {
        rc = failed(writer, "choosing the container", error);
        goto out;
    }
    writer->format->flags |= AVFMT_FLAG_BITEXACT;
    DESY_TRY(open_video(writer, options));
    if (options->audio_encoder) DESY_TRY(open_sound(writer, options));

    error = open_output(writer);
    if (error >= 0) error = avformat_write_header(writer->format, NULL);
    if (error < 0) rc = failed(writer, "writing the header", error);
out:
    if (rc != DESY_OK) desy_video_writer_abort(&writer);
    *out = writer;
    return rc;
}

/* frame NULL: drains the encoder. */
static int encode(desy_video_writer *writer, struct track *track, AVFrame *frame)
{
    int error = avcodec_send_frame(track->codec, frame);
    while (error >= 0) {
        error = avcodec_receive_packet(track->codec, writer->packet);
        if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return DESY_OK;
        if (error < 0) break;
        if (track == &writer->video && writer->packet->duration == 0) writer->packet->duration = writer->interval;
        av_packet_rescale_ts(writer->packet, track->codec->time_base, track->stream->time_base);
        writer->packet->stream_index = track->stream->index;
        error = av_interleaved_write_frame(writer->format, writer->packet);
    }
    return failed(writer, "encoding", error);
}

int desy_video_writer_frame_at(desy_video_writer *writer, const uint8_t *const planes[3], const int strides[3], int64_t tick)
{
    AVFrame *frame = writer->video.frame;
    int error = av_frame_make_writable(frame);
    if (error < 0) return failed(writer, "taking a frame", error);
    sws_scale(writer->convert, planes, strides, 0, frame->height, frame->data, frame->linesize);
    frame->pts = tick;
    return encode(writer, &writer->video, frame);
}

int desy_video_writer_frame(desy_video_writer *writer, const uint8_t *const planes[3])
{
    const int width = writer->video.frame->width;
    return desy_video_writer_frame_at(writer, planes, (const int[3]){width, width / 2, width / 2}, writer->video.pts++);
}

int desy_video_writer_sound(desy_video_writer *writer, const float *samples, size_t n)
{
    struct track *track = &writer->sound;
    if (!track->codec) return DESY_OK;
    AVFrame *frame = track->frame;
    const bool integers = frame->format == AV_SAMPLE_FMT_S16 || frame->format == AV_SAMPLE_FMT_S16P;

    for (size_t i = 0; i < n; i++) { /* mono: packed and planar are the same */
        if (writer->filled == 0) {
            int error = av_frame_make_writable(frame);
            if (error < 0) return failed(writer, "taking a frame of sound", error);
        }
        if (integers) ((int16_t *)frame->data[0])[writer->filled++] = (int16_t)(samples[i] * 32767.f);
        else ((float *)frame->data[0])[writer->filled++] = samples[i];
        if (writer->filled < frame->nb_samples) continue;
        frame->pts = track->pts;
        track->pts += frame->nb_samples;
        writer->filled = 0;
        int rc = encode(writer, track, frame);
        if (rc != DESY_OK) return rc;
    }
    return DESY_OK;
}

static void release(desy_video_writer **out)
{
    desy_video_writer *writer = *out;
    struct track *tracks[2] = {&writer->video, &writer->sound};
    for (int i = 0; i < 2; i++) {
        avcodec_free_context(&tracks[i]->codec);
        av_frame_free(&tracks[i]->frame);
    }
    sws_freeContext(writer->convert);
    av_packet_free(&writer->packet);
    if (writer->format) close_output(writer);
    avformat_free_context(writer->format);
    free(writer->path);
    free(writer->temporary);
    free(writer->memory.bytes.data);
    free(writer);
    *out = NULL;
}

static int finish(desy_video_writer *writer)
{
    int rc, error;
    DESY_TRY(encode(writer, &writer->video, NULL));
    if (writer->sound.codec) DESY_TRY(encode(writer, &writer->sound, NULL));
    error = av_write_trailer(writer->format);
    if (error >= 0) error = close_output(writer);
    if (error < 0) rc = failed(writer, "closing the file", error);
out:
    return rc;
}

int desy_video_writer_commit(desy_video_writer **out)
{
    int rc = finish(*out);
    if (rc == DESY_OK) rc = desy_rename_durable((*out)->temporary, (*out)->path);
    if (rc != DESY_OK) desy_video_writer_abort(out);
    else release(out);
    return rc;
}

int desy_video_writer_take(desy_video_writer **out, struct desy_video_bytes *bytes)
{
    int rc = finish(*out);
    *bytes = (struct desy_video_bytes){0};
    if (rc == DESY_OK) {
        *bytes = (*out)->memory.bytes;
        (*out)->memory.bytes = (struct desy_video_bytes){0};
    }
    desy_video_writer_abort(out);
    return rc;
}

void desy_video_writer_abort(desy_video_writer **out)
{
    if (!*out) return;
    if ((*out)->temporary) unlink((*out)->temporary);
    release(out);
}
