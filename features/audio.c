#include "features/audio.h"

#include "base/error.h"
#include "features/container.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PREROLL 1.0      /* seconds decoded before the stretch: decoders need a few frames to be in step */
#define LARGEST_GAP .1   /* between what timestamps say and samples add up to; containers round to .001 */

struct sound {
    AVFormatContext *format;
    AVStream *stream;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    SwrContext *resampler;       /* from the first frame that is taken on */
    int rate, channels, layout;  /* of that frame; layout: its sample format */
    double begin;                /* where the stretch begins, on the container's clock; NAN: at the sound's first sample plus `start` */
    double start, expected;      /* expected: the time of the next frame; NAN before the first */
    bool from_start, skipped;    /* read from the first packet on; but the first ones were not decoded */
    bool damaged;                /* a packet could not be decoded before the stretch began */
    int16_t *samples;
    int n;
};

static void close_sound(struct sound *sound)
{
    swr_free(&sound->resampler);
    av_frame_free(&sound->frame);
    av_packet_free(&sound->packet);
    avcodec_free_context(&sound->decoder);
    desy_container_close(&sound->format);
}

/* *found: there is a sound stream. */
static int open_sound(struct sound *sound, bool *found, const char *path)
{
    const AVCodec *codec = NULL; /* asked for, only streams that can be decoded are taken */
    int rc;
    *found = false;
    DESY_TRY(desy_container_open(&sound->format, path));
    DESY_TRY(desy_container_probe(sound->format));
    int index = av_find_best_stream(sound->format, AVMEDIA_TYPE_AUDIO, -1, -1, &codec, 0);
    if (index == AVERROR_DECODER_NOT_FOUND) DESY_TRY(desy_error(DESY_EDATA, "there is no decoder for it"));
    if (index < 0) return DESY_OK;
    *found = true;
    sound->stream = sound->format->streams[index];
    desy_container_select(sound->format, sound->stream);
    sound->packet = av_packet_alloc();
    sound->frame = av_frame_alloc();
    if (!sound->packet || !sound->frame) DESY_TRY(desy_error_memory("a decoder"));
    DESY_TRY(desy_container_decoder(&sound->decoder, sound->stream, 0));
out:
    return rc;
}

static double seconds(const struct sound *sound, int64_t stamp)
{
    return stamp == AV_NOPTS_VALUE ? NAN : (double)stamp * av_q2d(sound->stream->time_base);
}

/* Goes to a packet well before the stretch, where the container knows the way: formats that guess it by bytes give wrong timestamps after. */
static bool seek(struct sound *sound)
{
    const double first = seconds(sound, sound->stream->start_time), wanted = sound->begin - PREROLL;
    if (sound->format->iformat->flags & AVFMT_GENERIC_INDEX || !(wanted > first)) return false;
    return av_seek_frame(sound->format, sound->stream->index, (int64_t)(wanted / av_q2d(sound->stream->time_base)), AVSEEK_FLAG_BACKWARD) >= 0;
}

/* The next packet of the stream that matters; false at the end. */
static bool read_packet(struct sound *sound)
{
    while (desy_container_packet(sound->format, sound->stream, sound->packet) >= 0) {
        /* One that ends long before the stretch need not be decoded; not even of a sound read from its start. */
        if (!(seconds(sound, sound->packet->pts) < sound->begin - 2 * PREROLL)) return true;
        sound->skipped = true;
    }
    return false;
}

static int open_resampler(struct sound *sound)
{
    const AVFrame *frame = sound->frame;
    AVChannelLayout from = {0}, to = AV_CHANNEL_LAYOUT_MONO;
    if (frame->sample_rate < 1000 || frame->sample_rate > 768000 || frame->ch_layout.nb_channels < 1 || frame->ch_layout.nb_channels > 64)
        return desy_error(DESY_EDATA, "%d samples a second in %d channels", frame->sample_rate, frame->ch_layout.nb_channels);
    if (frame->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) av_channel_layout_default(&from, frame->ch_layout.nb_channels);
    else if (av_channel_layout_copy(&from, &frame->ch_layout) < 0) return desy_error_memory("a resampler");
    int error = swr_alloc_set_opts2(&sound->resampler, &to, AV_SAMPLE_FMT_S16, DESY_AUDIO_RATE, &from, frame->format, frame->sample_rate, 0, NULL);
    if (error >= 0) error = swr_init(sound->resampler);
    av_channel_layout_uninit(&from);
    sound->rate = frame->sample_rate, sound->channels = frame->ch_layout.nb_channels, sound->layout = frame->format;
    return error < 0 ? desy_container_refuse("it can't be resampled", error) : DESY_OK;
}

/* Resamples `count` samples from `first` on of the frame; count 0: what the resampler still holds. */
static int convert(struct sound *sound, int first, int count)
{
    const AVFrame *frame = sound->frame;
    const uint8_t *planes[64] = {NULL};
    const int bytes = av_get_bytes_per_sample(sound->layout), planar = av_sample_fmt_is_planar(sound->layout);
    uint8_t *out = (uint8_t *)(sound->samples + sound->n);
    for (int i = 0; count && i < (planar ? sound->channels : 1); i++)
        planes[i] = frame->extended_data[i] + (ptrdiff_t)first * bytes * (planar ? 1 : sound->channels);
    int made = swr_convert(sound->resampler, &out, DESY_AUDIO_SAMPLES - sound->n, count ? planes : NULL, count);
    if (made < 0) return desy_container_refuse("it can't be resampled", made);
    sound->n += made;
    return DESY_OK;
}

/* A frame that lies at `at`. */
static int take_frame(struct sound *sound, double at)
{
    const AVFrame *frame = sound->frame;
    const double length = (double)frame->nb_samples / frame->sample_rate;
    int skip = 0, rc = DESY_OK;
    if (!sound->resampler) {
        if (at + length <= sound->begin) return DESY_OK;
        if (at > sound->begin + .5 / frame->sample_rate && sound->damaged) return desy_error(DESY_EDATA, "it is damaged before %.2f s", at);
        skip = (int)fmax(0, rint((sound->begin - at) * frame->sample_rate));
        DESY_TRY(open_resampler(sound));
    } else if (frame->sample_rate != sound->rate || frame->ch_layout.nb_channels != sound->channels || frame->format != sound->layout)
        return desy_error(DESY_EDATA, "its format changes at %.2f s", at);
    if (skip < frame->nb_samples) rc = convert(sound, skip, frame->nb_samples - skip);
out:
    return rc;
}

/* Where the frame that was just decoded lies, and whether it follows on the last one. *late: it comes after the stretch's beginning, and
 * something may have been before it. */
static int place_frame(struct sound *sound, bool *late)
{
    const AVFrame *frame = sound->frame;
    double at = seconds(sound, frame->best_effort_timestamp);
    const bool first = isnan(sound->expected);
    *late = false;
    if (frame->nb_samples < 1 || frame->sample_rate < 1) return DESY_OK;
    if (isnan(at)) at = first ? 0 : sound->expected;
    if (first && isnan(sound->begin)) sound->begin = at + sound->start;
    if (first && at > sound->begin) {
        *late = !sound->from_start;
        if (*late) return DESY_OK;
        if (sound->skipped) return desy_error(DESY_EDATA, "it has a gap before %.2f s", at);
        if (!sound->damaged) sound->begin = at;
    }
    if (!first && fabs(at - sound->expected) > LARGEST_GAP && (sound->resampler || at > sound->begin))
        return desy_error(DESY_EDATA, "it has a gap at %.2f s", sound->expected);
    if (!first && fabs(at - sound->expected) <= LARGEST_GAP) at = sound->expected; /* samples are exact, timestamps are rounded */
    sound->expected = at + (double)frame->nb_samples / frame->sample_rate;
    if (frame->flags & AV_FRAME_FLAG_CORRUPT || frame->decode_error_flags) {
        if (sound->resampler || sound->expected > sound->begin) return desy_error(DESY_EDATA, "it is damaged at %.2f s", at);
        sound->damaged = true;
        return DESY_OK;
    }
    return take_frame(sound, at);
}

/* All frames that the decoder has ready. */
static int receive(struct sound *sound, bool *late)
{
    int error = 0, rc = DESY_OK;
    *late = false;
    while (sound->n < DESY_AUDIO_SAMPLES && !*late && (error = avcodec_receive_frame(sound->decoder, sound->frame)) >= 0) DESY_TRY(place_frame(sound, late));
    if (error >= 0 || error == AVERROR(EAGAIN) || error == AVERROR_EOF) return DESY_OK;
    if (sound->resampler) return desy_container_refuse("it is damaged", error);
    sound->damaged = true;
out:
    return rc;
}

/* *late: seeking led too far. */
static int read_stretch(struct sound *sound, bool *late)
{
    int rc = DESY_OK;
    *late = false;
    while (sound->n < DESY_AUDIO_SAMPLES && !*late && read_packet(sound)) {
        if (avcodec_send_packet(sound->decoder, sound->packet) < 0) {
            if (sound->resampler) return desy_error(DESY_EDATA, "it is damaged at %.2f s", sound->expected);
            sound->damaged = true;
        }
        DESY_TRY(receive(sound, late));
    }
    if (*late || sound->n == DESY_AUDIO_SAMPLES) return DESY_OK;
    if (avcodec_send_packet(sound->decoder, NULL) >= 0) DESY_TRY(receive(sound, late));
    if (sound->resampler && !*late) rc = convert(sound, 0, 0);
    if (rc == DESY_OK && !sound->resampler && sound->damaged) rc = desy_error(DESY_EDATA, "it is damaged");
out:
    return rc;
}

int desy_audio_read(int16_t samples[DESY_AUDIO_SAMPLES], int *n, const char *path, double origin, double start)
{
    bool late = true, found;
    int rc = DESY_OK;
    *n = 0;
    for (int try = 0; try < 2 && late; try++) {
        struct sound sound = {.samples = samples, .start = fmax(start, 0), .begin = origin + start, .expected = NAN};
        rc = open_sound(&sound, &found, path);
        late = false;
        if (rc == DESY_OK && found) {
            if (isnan(origin)) sound.begin = seconds(&sound, sound.stream->start_time) + sound.start;
            sound.from_start = try > 0 || !seek(&sound);
            rc = read_stretch(&sound, &late);
        }
        if (rc == DESY_OK && !late) *n = sound.n;
        close_sound(&sound);
    }
    return rc;
}

int desy_audio_clip(struct desy_clip *clip, const struct desy_clip_request *request, const AVStream *stream, int64_t first)
{
    const bool own = request->audio_path[0] != '\0';
    const double start = (clip->pts[0] + clip->pts[clip->frames - 1]) / 2 - .5 * DESY_AUDIO_SAMPLES / DESY_AUDIO_RATE;
    if (first == AV_NOPTS_VALUE) first = stream->start_time == AV_NOPTS_VALUE ? 0 : stream->start_time;
    int rc = desy_audio_read(clip->audio, &clip->audio_samples, own ? request->audio_path : request->path, own ? NAN : (double)first * av_q2d(stream->time_base), start);
    if (rc != DESY_EDATA) return rc;
    const size_t used = strlen(clip->reason);
    snprintf(clip->reason + used, sizeof clip->reason - used, "%sits sound can't be read: %s", used ? "; " : "", desy_error_message());
    return DESY_OK;
}
