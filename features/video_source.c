#include "features/video_source.h"

#include "base/error.h"
#include "features/container.h"

#include <string.h>

#define MOST_PIXELS (8192 * 8192)

/* As the ffmpeg command line: the largest picture; a stream with frames and the default one first; no cover art. */
static AVStream *choose_stream(const AVFormatContext *format)
{
    AVStream *best = NULL;
    int64_t best_score = -1;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        AVStream *stream = format->streams[i];
        const AVCodecParameters *parameters = stream->codecpar;
        int64_t score = (int64_t)parameters->width * parameters->height + (stream->disposition & AV_DISPOSITION_DEFAULT ? 5000000 : 0);
        if (parameters->codec_type != AVMEDIA_TYPE_VIDEO || stream->disposition & AV_DISPOSITION_ATTACHED_PIC) continue;
        if (score <= best_score) continue;
        best = stream;
        best_score = score;
    }
    return best;
}

static int open_decoder(struct desy_video_source *source)
{
    source->packet = av_packet_alloc();
    source->frame = av_frame_alloc();
    if (!source->packet || !source->frame) return desy_error_memory("a decoder");
    return desy_container_decoder(&source->decoder, source->stream, MOST_PIXELS);
}

/* Does the header say all that decoding needs? Probing would decode some frames to learn no more. Only for containers and codecs where
 * that is so by their specifications. */
static bool header_says_all(const AVFormatContext *format, const AVStream *stream)
{
    static const struct {
        enum AVCodecID codec;
        bool configured; /* by a record in the header */
    } codecs[] = {{AV_CODEC_ID_H264, true}, {AV_CODEC_ID_HEVC, true}, {AV_CODEC_ID_AV1, true}, {AV_CODEC_ID_MPEG4, true},
                  {AV_CODEC_ID_VP8, false}, {AV_CODEC_ID_VP9, false}, {AV_CODEC_ID_MJPEG, false}};
    const AVCodecParameters *parameters = stream->codecpar;
    if (!desy_container_is(format, "mov") && !desy_container_is(format, "matroska")) return false;
    if (parameters->width < 1 || parameters->height < 1) return false;
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (parameters->codec_id == codecs[i].codec) return !codecs[i].configured || parameters->extradata_size > 0;
    return false;
}

static int open_streams(struct desy_video_source *source)
{
    int rc = DESY_OK;
    source->stream = choose_stream(source->format);
    if (source->stream && header_says_all(source->format, source->stream)) {
        source->format->flags |= AVFMT_FLAG_NOPARSE; /* packets are frames as they are */
        goto out;
    }
    DESY_TRY(desy_container_probe(source->format));
    source->stream = choose_stream(source->format);
out:
    return rc;
}

static int open_video(struct desy_video_source *source, bool *has_video)
{
    int rc;
    DESY_TRY(open_streams(source));
    if (!source->stream) {
        *has_video = false;
        return desy_error(DESY_EDATA, "it has no video stream");
    }
    desy_container_select(source->format, source->stream);
    DESY_TRY(open_decoder(source));
out:
    return rc;
}

int desy_video_source_open(struct desy_video_source *source, bool *has_video, const char *path)
{
    *has_video = true;
    int rc = desy_container_open(&source->format, path);
    return rc == DESY_OK ? open_video(source, has_video) : rc;
}

int desy_video_source_open_memory(struct desy_video_source *source, bool *has_video, const uint8_t *bytes, int64_t size)
{
    *has_video = true;
    int rc = desy_container_open_memory(&source->format, bytes, size);
    return rc == DESY_OK ? open_video(source, has_video) : rc;
}

void desy_video_source_skim(struct desy_video_source *source, bool skim)
{
    /* Without the parser, nobody looks into packets but for VP8's hidden ones. */
    const bool blind = source->format->flags & AVFMT_FLAG_NOPARSE && source->stream->codecpar->codec_id != AV_CODEC_ID_VP8;
    desy_container_skim(source->format, skim && blind);
}

void desy_video_source_close(struct desy_video_source *source)
{
    av_frame_free(&source->frame);
    av_packet_free(&source->packet);
    avcodec_free_context(&source->decoder);
    desy_container_close(&source->format);
    *source = (struct desy_video_source){0};
}

bool desy_video_source_packet(struct desy_video_source *source)
{
    const int error = desy_container_packet(source->format, source->stream, source->packet);
    if (error < 0 && error != AVERROR_EOF) source->cut = true;
    if (error >= 0 && source->next >= 0) source->next++;
    return error >= 0;
}

static void note_damage(struct desy_video_source *source, int64_t stamp)
{
    source->errors++;
    source->damaged_at = source->damaged && source->damaged_at > stamp ? source->damaged_at : stamp;
    source->damaged = true;
}

/* Damage lasts until a sound key frame that is shown after it. */
static void judge_frame(struct desy_video_source *source)
{
    const AVFrame *frame = source->frame;
    int64_t stamp = frame->best_effort_timestamp;
    if (frame->flags & AV_FRAME_FLAG_CORRUPT || frame->decode_error_flags)
        note_damage(source, stamp == AV_NOPTS_VALUE ? INT64_MAX : stamp);
    else if (source->damaged && frame->key_frame && stamp != AV_NOPTS_VALUE && stamp > source->damaged_at)
        source->damaged = false;
}

/* An empty packet stands for a frame that was dropped when the file was made. */
void desy_video_source_send(struct desy_video_source *source, bool end)
{
    const AVPacket *packet = source->packet;
    int64_t stamp = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts != AV_NOPTS_VALUE ? packet->dts : INT64_MAX;
    if (end) source->draining = true;
    if (!end && packet->size == 0) return;
    if (avcodec_send_packet(source->decoder, end ? NULL : packet) < 0 || (!end && packet->flags & AV_PKT_FLAG_CORRUPT)) note_damage(source, stamp);
}

bool desy_video_source_receive(struct desy_video_source *source)
{
    for (;;) {
        int error = avcodec_receive_frame(source->decoder, source->frame);
        if (!error) judge_frame(source);
        if (error == AVERROR(EAGAIN) || error == AVERROR_EOF || !error) return !error;
        note_damage(source, source->packet->pts == AV_NOPTS_VALUE ? INT64_MAX : source->packet->pts);
        if (source->draining) return false;
    }
}

bool desy_video_source_frame(struct desy_video_source *source)
{
    while (!desy_video_source_receive(source)) {
        if (source->draining) return false;
        desy_video_source_send(source, !desy_video_source_packet(source));
    }
    return true;
}

static bool is_indexed(const struct desy_video_source *source)
{
    return desy_container_is(source->format, "mov") || desy_container_is(source->format, "matroska") || desy_container_is(source->format, "avi");
}

bool desy_video_source_seek(struct desy_video_source *source, int64_t pts, int64_t target)
{
    if (source->next == target || (source->next >= 0 && source->next < target && !is_indexed(source))) return true;
    source->next = is_indexed(source) ? -1 : 0;
    if (is_indexed(source)) return av_seek_frame(source->format, source->stream->index, pts, AVSEEK_FLAG_BACKWARD) >= 0;
    return av_seek_frame(source->format, -1, 0, AVSEEK_FLAG_BYTE) >= 0;
}
