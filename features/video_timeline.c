#include "features/video_timeline.h"

#include "base/error.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define NOT_CODED 10 /* bytes of an MPEG-4 picture that says no more than that it is not coded (vop_coded = 0), at most */
#define MOST_PACKETS 20000000 /* four days at 60 frames a second */

/* Makes room for one more element of an array of `count`; doubles. */
static int grow(void **array, int64_t count, size_t size)
{
    if (count >= MOST_PACKETS) return desy_error(DESY_EDATA, "more than %d frames", MOST_PACKETS);
    if (count & (count - 1)) return DESY_OK;
    void *more = realloc(*array, (size_t)(count ? count * 2 : 1) * size);
    if (!more) return desy_error_memory("the time stamps of a video");
    *array = more;
    return DESY_OK;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = ((const struct desy_video_shown *)a)->stamp, y = ((const struct desy_video_shown *)b)->stamp;
    return (x > y) - (x < y);
}

/* Codecs where a packet is a frame. */
static bool one_packet_one_frame(const struct desy_video_source *source)
{
    static const enum AVCodecID codecs[] = {AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_VP8, AV_CODEC_ID_VP9, AV_CODEC_ID_AV1,
                                            AV_CODEC_ID_MPEG1VIDEO, AV_CODEC_ID_MPEG2VIDEO, AV_CODEC_ID_MPEG4};
    enum AVCodecID codec = source->stream->codecpar->codec_id;
    const AVCodecDescriptor *description = avcodec_descriptor_get(codec);
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (codec == codecs[i]) return true;
    return description && description->props & AV_CODEC_PROP_INTRA_ONLY;
}

/* The first packet decoded is a key frame and the first shown: no leading frames that decoders drop; and none is so small that it stands for
 * a frame that was dropped. */
static bool starts_cleanly(const struct desy_video_timeline *timeline, int fewest_bytes)
{
    const struct desy_video_packet *first = timeline->packets;
    for (int64_t i = 0; i < timeline->packet_count; i++)
        if (first[i].pts == AV_NOPTS_VALUE || first[i].pts < first->pts || first[i].bytes <= fewest_bytes) return false;
    return timeline->packet_count > 0 && first->key;
}

/* VP8, RFC 6386, section 9.1: bit 4 of a frame's first byte is show_frame. */
static bool is_hidden(const struct desy_video_source *source)
{
    const AVPacket *packet = source->packet;
    bool alternate = source->stream->codecpar->codec_id == AV_CODEC_ID_VP8 && packet->size > 0 && !(packet->data[0] & 0x10);
    return alternate || packet->flags & AV_PKT_FLAG_DISCARD;
}

static int set_keys(struct desy_video_timeline *timeline)
{
    free(timeline->keys);
    timeline->key_count = 0;
    timeline->keys = malloc(sizeof *timeline->keys * (size_t)(timeline->count + 1));
    if (!timeline->keys) return desy_error_memory("the key frames of a video");
    for (int64_t i = 0; i < timeline->count; i++)
        if (timeline->shown[i].key) timeline->keys[timeline->key_count++] = i;
    return DESY_OK;
}

/* Seconds from the first frame; by the average frame rate where the stamps do not ascend. */
static int set_seconds(struct desy_video_timeline *timeline, const struct desy_video_source *source)
{
    AVRational rate = av_guess_frame_rate(source->format, source->stream, NULL), base = source->stream->time_base;
    bool known = true;
    free(timeline->seconds);
    timeline->seconds = malloc(sizeof *timeline->seconds * (size_t)(timeline->count + 1));
    if (!timeline->seconds) return desy_error_memory("the times of a video");
    if (rate.num <= 0 || rate.den <= 0) rate = (AVRational){25, 1};
    for (int64_t i = 0; i < timeline->count; i++)
        known = known && timeline->shown[i].stamp != AV_NOPTS_VALUE && (i == 0 || timeline->shown[i].stamp > timeline->shown[i - 1].stamp);
    for (int64_t i = 0; i < timeline->count; i++)
        timeline->seconds[i] = known ? ((double)timeline->shown[i].stamp - (double)timeline->shown[0].stamp) * base.num / base.den
                                     : (double)i * rate.den / rate.num;
    return DESY_OK;
}

/* A container without presentation times, of all packets at least (AVI): those of decoding stand in. */
static void use_decoding_times(struct desy_video_timeline *timeline)
{
    bool known = true;
    for (int64_t i = 0; i < timeline->packet_count; i++) {
        if (timeline->packets[i].dts == AV_NOPTS_VALUE) return;
        known = known && timeline->packets[i].pts != AV_NOPTS_VALUE;
    }
    timeline->by_decoding_times = !known;
    for (int64_t i = 0; i < timeline->packet_count && !known; i++) timeline->packets[i].pts = timeline->packets[i].dts;
}

static bool hides(const struct desy_video_timeline *timeline)
{
    for (int64_t i = 0; i < timeline->packet_count; i++)
        if (timeline->packets[i].hidden) return true;
    return false;
}

/* The frames, sorted; not exact if two are shown at the same time. */
static int set_shown(struct desy_video_timeline *timeline)
{
    timeline->shown = malloc(sizeof *timeline->shown * (size_t)(timeline->packet_count + 1));
    if (!timeline->shown) return desy_error_memory("the time stamps of a video");
    for (int64_t i = 0; i < timeline->packet_count; i++) {
        const struct desy_video_packet *packet = &timeline->packets[i];
        if (!packet->hidden) timeline->shown[timeline->count++] = (struct desy_video_shown){packet->pts, i, packet->key, false};
    }
    qsort(timeline->shown, (size_t)timeline->count, sizeof *timeline->shown, ascending);
    const int64_t hidden = timeline->packet_count - timeline->count;
    for (int64_t i = 0; i < timeline->count; i++) {
        const int64_t early = timeline->shown[i].packet - i - hidden; /* hidden ones are not waited for */
        if (i > 0 && timeline->shown[i].stamp == timeline->shown[i - 1].stamp) timeline->exact = false;
        if (early > timeline->reordering) timeline->reordering = (int)(early < INT_MAX ? early : INT_MAX);
    }
    if (timeline->reordering > DESY_DEEPEST_REORDERING) timeline->exact = false; /* times that no encoder gives */
    return DESY_OK;
}

int desy_video_timeline_scan(struct desy_video_timeline *timeline, struct desy_video_source *source)
{
    int rc = DESY_OK, gop = 0;
    desy_video_source_skim(source, true);
    while (desy_video_source_packet(source)) {
        const AVPacket *packet = source->packet;
        DESY_TRY(grow((void **)&timeline->packets, timeline->packet_count, sizeof *timeline->packets));
        timeline->packets[timeline->packet_count++] =
            (struct desy_video_packet){packet->pts, packet->dts, packet->size, packet->flags & AV_PKT_FLAG_KEY, is_hidden(source)};
        timeline->bytes += packet->size;
        gop = packet->flags & AV_PKT_FLAG_KEY ? 1 : gop + 1;
        timeline->key_packets += (packet->flags & AV_PKT_FLAG_KEY) != 0;
        if (gop > timeline->longest_gop) timeline->longest_gop = gop;
        timeline->corrupt = timeline->corrupt || packet->flags & AV_PKT_FLAG_CORRUPT;
    }
    desy_video_source_skim(source, false);
    use_decoding_times(timeline);
    /* Of codecs without IDR pictures, frames before a key frame may follow it: packet n is not frame n. */
    const AVCodecParameters *parameters = source->stream->codecpar;
    const bool mixed = timeline->by_decoding_times && ((parameters->codec_id != AV_CODEC_ID_H264 && parameters->video_delay > 0) || hides(timeline));
    timeline->exact = !mixed && !timeline->corrupt && !source->cut && one_packet_one_frame(source) && starts_cleanly(timeline, parameters->codec_id == AV_CODEC_ID_MPEG4 ? NOT_CODED : 0);
    if (!timeline->exact) goto out;
    DESY_TRY(set_shown(timeline));
    DESY_TRY(set_keys(timeline));
    DESY_TRY(set_seconds(timeline, source));
out:
    return rc;
}

int desy_video_timeline_decode(struct desy_video_timeline *timeline, struct desy_video_source *source)
{
    int rc;
    timeline->exact = false;
    timeline->count = 0;
    free(timeline->shown);
    timeline->shown = NULL;
    while (desy_video_source_frame(source)) {
        DESY_TRY(grow((void **)&timeline->shown, timeline->count, sizeof *timeline->shown));
        timeline->shown[timeline->count++] = (struct desy_video_shown){source->frame->best_effort_timestamp, -1, source->frame->key_frame, source->damaged};
    }
    while (timeline->count > 0 && timeline->shown[timeline->count - 1].damaged) timeline->count--;
    DESY_TRY(set_keys(timeline));
    DESY_TRY(set_seconds(timeline, source));
out:
    return rc;
}

void desy_video_timeline_close(struct desy_video_timeline *timeline)
{
    free(timeline->packets);
    free(timeline->shown);
    free(timeline->seconds);
    free(timeline->keys);
    *timeline = (struct desy_video_timeline){0};
}

int64_t desy_video_timeline_find(const struct desy_video_timeline *timeline, int64_t stamp)
{
    const struct desy_video_shown wanted = {.stamp = stamp};
    const struct desy_video_shown *found = timeline->count ? bsearch(&wanted, timeline->shown, (size_t)timeline->count, sizeof wanted, ascending) : NULL;
    return found ? found - timeline->shown : -1;
}

int64_t desy_video_timeline_key(const struct desy_video_timeline *timeline, int64_t frame)
{
    int64_t i = timeline->shown[frame].packet;
    while (i >= 0 && !(timeline->packets[i].key && timeline->packets[i].pts <= timeline->shown[frame].stamp)) i--;
    return i;
}

struct desy_times desy_video_timeline_times(const struct desy_video_timeline *timeline)
{
    return (struct desy_times){timeline->seconds, timeline->count, timeline->keys, timeline->key_count};
}
