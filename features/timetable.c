#include "features/timetable.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

static int by_pts(const void *a, const void *b)
{
    const struct desy_time *x = a, *y = b;
    return (x->pts > y->pts) - (x->pts < y->pts);
}

static int append(struct desy_timetable *table, struct desy_time time)
{
    if (table->count == table->room) {
        int64_t room = table->room ? 2 * table->room : 512;
        struct desy_time *larger = realloc(table->times, (size_t)room * sizeof *larger);
        if (!larger) return desy_error_memory("the times of frames");
        table->times = larger, table->room = room;
    }
    table->times[table->count++] = time;
    return DESY_OK;
}

void desy_timetable_clear(struct desy_timetable *table)
{
    table->count = 0;
    table->reliable = false;
}

int desy_timetable_add(struct desy_timetable *table, int64_t pts)
{
    return append(table, (struct desy_time){.pts = pts});
}

int desy_timetable_scan(struct desy_timetable *table, struct desy_media *media)
{
    int rc = DESY_OK;
    desy_timetable_clear(table);
    table->reliable = true;
    while (rc == DESY_OK && av_read_frame(media->format, media->packet) >= 0) {
        const AVPacket *packet = media->packet;
        if (packet->stream_index == media->stream->index && !(packet->flags & AV_PKT_FLAG_DISCARD)) {
            if (packet->pts == AV_NOPTS_VALUE) table->reliable = false;
            rc = append(table, (struct desy_time){packet->pts, packet->dts == AV_NOPTS_VALUE ? packet->pts : packet->dts, packet->flags & AV_PKT_FLAG_KEY});
        }
        av_packet_unref(media->packet);
    }
    if (rc == DESY_OK && table->reliable) qsort(table->times, (size_t)table->count, sizeof *table->times, by_pts);
    for (int64_t i = 1; table->reliable && i < table->count; i++)
        if (table->times[i].pts == table->times[i - 1].pts) table->reliable = false;
    return rc == DESY_OK ? desy_timetable_finish(table, media, false) : rc;
}

int desy_timetable_finish(struct desy_timetable *table, const struct desy_media *media, bool decoded)
{
    free(table->seconds);
    table->seconds = malloc(((size_t)table->count + 1) * sizeof *table->seconds);
    if (!table->seconds) return desy_error_memory("the times of frames");
    double unit = av_q2d(media->stream->time_base), rate = av_q2d(media->stream->avg_frame_rate);
    bool ascending = decoded || table->reliable;
    for (int64_t i = 0; i < table->count; i++) {
        if (table->times[i].pts == AV_NOPTS_VALUE || (i > 0 && table->times[i].pts <= table->times[i - 1].pts)) ascending = false;
        table->seconds[i] = (double)table->times[i].pts * unit;
    }
    if (!(rate > 0)) rate = 25;
    for (int64_t i = 0; !ascending && i < table->count; i++) table->seconds[i] = (double)i / rate;
    return DESY_OK;
}

int64_t desy_timetable_find(const struct desy_timetable *table, int64_t pts)
{
    const struct desy_time wanted = {.pts = pts}, *found = bsearch(&wanted, table->times, (size_t)table->count, sizeof wanted, by_pts);
    return found ? found - table->times : -1;
}

int desy_media_seek(struct desy_media *media, const struct desy_timetable *table, int64_t frame, const char *path)
{
    int64_t key = frame;
    while (key > 0 && !table->times[key].key) key--;
    int flags = media->format->iformat->flags;
    bool trusted = !(flags & AVFMT_TS_DISCONT) && strcmp(media->format->iformat->name, "gif") != 0;
    int64_t when = flags & AVFMT_SEEK_TO_PTS ? table->times[key].pts : table->times[key].dts;
    if (trusted && table->times[key].key && key > 0 && av_seek_frame(media->format, media->stream->index, when, AVSEEK_FLAG_BACKWARD) >= 0) {
        avcodec_flush_buffers(media->decoder);
        media->drained = false;
        return DESY_OK;
    }
    return desy_media_rewind(media, path);
}

void desy_timetable_close(struct desy_timetable *table)
{
    free(table->times);
    free(table->seconds);
    *table = (struct desy_timetable){0};
}
