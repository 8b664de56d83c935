#include "features/video_timeline.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

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
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Containers with an index of key frames, and codecs where a packet is a frame. VP8 is not one: it has packets that are
 * never shown. */
static bool one_packet_one_frame(const struct desy_video_source *source)
{
    static const enum AVCodecID codecs[] = {AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_VP9, AV_CODEC_ID_AV1, AV_CODEC_ID_MPEG4};
    const AVCodecParameters *parameters = source->stream->codecpar;
    const char *container = source->format->iformat->name;
    if (strncmp(container, "mov", 3) && strncmp(container, "matroska", 8)) return false;
    if (parameters->field_order != AV_FIELD_PROGRESSIVE && parameters->field_order != AV_FIELD_UNKNOWN) return false;
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (parameters->codec_id == codecs[i]) return true;
    return false;
}

/* The first packet decoded is a key frame and the first shown: no leading frames that decoders drop. */
static bool starts_cleanly(const struct desy_video_timeline *timeline)
{
    const struct desy_video_packet *first = timeline->packets;
    for (int64_t i = 0; i < timeline->packet_count; i++)
        if (first[i].pts == AV_NOPTS_VALUE || first[i].pts < first->pts || first[i].bytes == 0) return false;
    return timeline->packet_count > 0 && first->key;
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
        known = known && timeline->stamps[i] != AV_NOPTS_VALUE && (i == 0 || timeline->stamps[i] > timeline->stamps[i - 1]);
    for (int64_t i = 0; i < timeline->count; i++)
        timeline->seconds[i] = known ? ((double)timeline->stamps[i] - (double)timeline->stamps[0]) * base.num / base.den
                                     : (double)i * rate.den / rate.num;
    return DESY_OK;
}

int desy_video_timeline_scan(struct desy_video_timeline *timeline, struct desy_video_source *source)
{
    int rc = DESY_OK;
    while (desy_video_source_packet(source)) {
        const AVPacket *packet = source->packet;
        DESY_TRY(grow((void **)&timeline->packets, timeline->packet_count, sizeof *timeline->packets));
        timeline->packets[timeline->packet_count++] = (struct desy_video_packet){
            packet->pts, packet->size, packet->flags & AV_PKT_FLAG_KEY, packet->flags & AV_PKT_FLAG_DISCARD};
        timeline->bytes += packet->size;
        timeline->corrupt = timeline->corrupt || packet->flags & AV_PKT_FLAG_CORRUPT;
    }
    timeline->exact = !timeline->corrupt && !source->cut && one_packet_one_frame(source) && starts_cleanly(timeline);
    if (!timeline->exact) goto out;
    timeline->stamps = malloc(sizeof *timeline->stamps * (size_t)timeline->packet_count);
    if (!timeline->stamps) return desy_error_memory("the time stamps of a video");
    for (int64_t i = 0; i < timeline->packet_count; i++)
        if (!timeline->packets[i].discard) timeline->stamps[timeline->count++] = timeline->packets[i].pts;
    qsort(timeline->stamps, (size_t)timeline->count, sizeof *timeline->stamps, ascending);
    for (int64_t i = 1; i < timeline->count; i++)
        if (timeline->stamps[i] == timeline->stamps[i - 1]) timeline->exact = false;
    DESY_TRY(set_seconds(timeline, source));
out:
    return rc;
}

int desy_video_timeline_decode(struct desy_video_timeline *timeline, struct desy_video_source *source)
{
    int rc;
    timeline->exact = false;
    timeline->count = 0;
    free(timeline->stamps);
    timeline->stamps = NULL;
    while (desy_video_source_frame(source)) {
        DESY_TRY(grow((void **)&timeline->stamps, timeline->count, sizeof *timeline->stamps));
        DESY_TRY(grow((void **)&timeline->damaged, timeline->count, sizeof *timeline->damaged));
        timeline->stamps[timeline->count] = source->frame->best_effort_timestamp;
        timeline->damaged[timeline->count++] = source->damaged;
    }
    while (timeline->count > 0 && timeline->damaged[timeline->count - 1]) timeline->count--;
    DESY_TRY(set_seconds(timeline, source));
out:
    return rc;
}

void desy_video_timeline_close(struct desy_video_timeline *timeline)
{
    free(timeline->packets);
    free(timeline->stamps);
    free(timeline->damaged);
    free(timeline->seconds);
    *timeline = (struct desy_video_timeline){0};
}

int64_t desy_video_timeline_find(const struct desy_video_timeline *timeline, int64_t stamp)
{
    const int64_t *found = timeline->count ? bsearch(&stamp, timeline->stamps, (size_t)timeline->count, sizeof stamp, ascending) : NULL;
    return found ? found - timeline->stamps : -1;
}

const struct desy_video_packet *desy_video_timeline_key(const struct desy_video_timeline *timeline, int64_t stamp)
{
    const struct desy_video_packet *key = NULL;
    for (int64_t i = 0; i < timeline->packet_count; i++)
        if (timeline->packets[i].key && timeline->packets[i].pts <= stamp) key = &timeline->packets[i];
    return key;
}
