#include "features/video_decode.h"

#include "base/error.h"

struct pass {
    struct desy_video_source *source;
    const struct desy_video_timeline *timeline;
    const struct desy_video_wanted *wanted;
    bool skipping, exact;
    int taken, last;    /* how many of the wanted ones; the run ends before number `last` */
    int64_t before; /* the frame that came out last; -1: none in this run */
    int64_t from, to;   /* the packets that the run feeds */
    int64_t came;       /* how many frames came out of it */
};

/* Of the two times one may be made up by the demuxer after seeking. */
static bool is_packet(const AVPacket *packet, const struct desy_video_packet *expected)
{
    bool same = packet->pts == expected->pts || (packet->dts == expected->dts && packet->dts != AV_NOPTS_VALUE);
    return same && packet->size == expected->bytes;
}

/* source->packet becomes packet `target`. Seeking need not hit it: the packets up to it are only read. */
static bool go_to(struct pass *pass, int64_t target)
{
    const struct desy_video_packet *packet = &pass->timeline->packets[target];
    if (!desy_video_source_seek(pass->source, packet->pts, target)) return false;
    for (int64_t reads = 0; reads <= target; reads++) {
        if (!desy_video_source_packet(pass->source)) return false;
        if (!is_packet(pass->source->packet, packet)) continue;
        pass->source->next = target + 1;
        return true;
    }
    return false;
}

/* Which frame came out. Without presentation times: packet n is decoded of the n-th frame of a stream that is cut at key frames; that all
 * that went in came out again shows that it is (decode_run). */
static int64_t frame_of(struct pass *pass)
{
    const int64_t number = pass->came++;
    if (pass->timeline->by_decoding_times) return pass->from + number;
    return desy_video_timeline_find(pass->timeline, pass->source->frame->best_effort_timestamp);
}

/* Of the frames that are fed in this run, is this the one after the one that came out last? */
static bool is_next(const struct pass *pass, int64_t frame)
{
    int64_t next = pass->before + 1;
    if (pass->before < 0) return true;
    while (next < frame && (pass->timeline->shown[next].packet < pass->from || pass->timeline->shown[next].packet > pass->to)) next++;
    return next == frame;
}

/* Takes what the decoder has ready. */
static int receive_all(struct pass *pass)
{
    const struct desy_video_wanted *wanted = pass->wanted;
    int rc = DESY_OK;
    while (pass->exact && desy_video_source_receive(pass->source)) {
        const int64_t frame = frame_of(pass);
        pass->exact = frame > pass->before && !pass->source->errors;
        /* Skipped pictures leave gaps; of interlaced ones two packets may be one frame, so there every frame is counted. */
        if (pass->skipping) pass->exact = pass->exact && !pass->source->frame->interlaced_frame;
        else pass->exact = pass->exact && is_next(pass, frame);
        pass->before = frame;
        if (!pass->exact || pass->taken == pass->last || frame < wanted->frames[pass->taken]) continue;
        pass->exact = frame == wanted->frames[pass->taken];
        if (pass->exact) DESY_TRY(wanted->take(wanted->context, pass->taken++));
    }
    pass->exact = pass->exact && !pass->source->errors;
out:
    return rc;
}

/* A run: the wanted frames first..last - 1, with no key frame between them that decoding could jump to. */
static int run_of(const struct pass *pass, int first, int64_t *from, int64_t *to)
{
    const struct desy_video_timeline *timeline = pass->timeline;
    const int64_t *frames = pass->wanted->frames;
    int last = first;
    *from = *to = -1;
    for (; last < pass->wanted->count; last++) {
        const int64_t key = desy_video_timeline_key(timeline, frames[last]), packet = timeline->shown[frames[last]].packet;
        if (last == first) *from = key;
        if (key < 0 || (last > first && key > *to)) break;
        if (packet > *to) *to = packet;
    }
    return last;
}

/* Is the frame of this packet one of the run? */
static bool is_wanted(const struct pass *pass, int64_t packet, int first, int last)
{
    for (int k = first; k < last; k++)
        if (pass->timeline->shown[pass->wanted->frames[k]].packet == packet) return true;
    return false;
}

/* Does source->packet, a key one, hold an H.264 picture that is not IDR (ITU-T H.264, table 7-1: NAL unit type 5)? */
static bool is_recovery_point(const struct desy_video_source *source)
{
    const AVCodecParameters *parameters = source->stream->codecpar;
    const AVPacket *packet = source->packet;
    const bool counted = parameters->extradata_size > 6 && parameters->extradata[0] == 1; /* avcC: each unit after its length */
    const int bytes = counted ? (parameters->extradata[4] & 3) + 1 : 3;                   /* else after 00 00 01 */
    if (parameters->codec_id != AV_CODEC_ID_H264) return false;
    for (int64_t at = 0; at + bytes < packet->size;) {
        int64_t length = 0;
        for (int i = 0; i < bytes; i++) length = length << 8 | packet->data[at + i];
        if ((counted || length == 1) && (packet->data[at + bytes] & 31) == 5) return false;
        at += counted ? bytes + length : 1;
    }
    return true;
}

/* Feeds one packet, source->packet. */
static int feed(struct pass *pass, int64_t packet, bool wanted)
{
    pass->to = packet;
    pass->source->decoder->skip_frame = !pass->skipping || wanted ? AVDISCARD_DEFAULT : AVDISCARD_NONREF;
    desy_video_source_send(pass->source, false);
    return receive_all(pass);
}

/* Goes on behind the last packet needed: without presentation times, the packet of a frame is known but roughly; and a stream that was
 * entered at a recovery point must have recovered, which a frame that comes out shows, before its end is told (finish). */
static int feed_more(struct pass *pass)
{
    const bool roughly = pass->timeline->by_decoding_times;
    const int64_t end = pass->timeline->packet_count - 1, to = roughly && pass->to + DESY_DEEPEST_REORDERING < end ? pass->to + DESY_DEEPEST_REORDERING : end;
    int rc = DESY_OK;
    while (pass->exact && pass->to < to && (roughly || pass->came == 0)) {
        if (!desy_video_source_packet(pass->source)) break;
        DESY_TRY(feed(pass, pass->to + 1, false));
    }
out:
    return rc;
}

/* The frames that the decoder still holds. After a recovery point libavcodec's H.264 decoder would not give them: it doubts them, though what
 * follows a frame that has recovered, in the order shown, has recovered too. */
static int finish(struct pass *pass)
{
    AVCodecContext *decoder = pass->source->decoder;
    if (pass->came > 0) decoder->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
    desy_video_source_send(pass->source, true);
    int rc = receive_all(pass);
    decoder->flags &= ~AV_CODEC_FLAG_OUTPUT_CORRUPT;
    avcodec_flush_buffers(decoder);
    pass->source->draining = false;
    return rc;
}

static int decode_run(struct pass *pass, int first, int last, int64_t from, int64_t to)
{
    struct desy_video_source *source = pass->source;
    int rc = DESY_OK;
    pass->before = -1, pass->came = 0, pass->from = from, pass->last = last;
    pass->exact = from >= 0 && go_to(pass, from);
    const bool more = pass->exact && (pass->timeline->by_decoding_times || is_recovery_point(source));
    for (int64_t packet = from; pass->exact && packet <= to; packet++) {
        if (packet > from) pass->exact = desy_video_source_packet(source) && is_packet(source->packet, &pass->timeline->packets[packet]);
        if (pass->exact) DESY_TRY(feed(pass, packet, is_wanted(pass, packet, first, last)));
    }
    if (more) DESY_TRY(feed_more(pass));
    if (!pass->exact) goto out;
    DESY_TRY(finish(pass));
    pass->exact = pass->exact && pass->taken == last && (!pass->timeline->by_decoding_times || pass->came == pass->to - from + 1);
out:
    return rc;
}

int desy_video_decode_by_index(struct desy_video_source *source, const struct desy_video_timeline *timeline, const struct desy_video_wanted *wanted,
                               bool skipping, bool *exact)
{
    struct pass pass = {.source = source, .timeline = timeline, .wanted = wanted, .skipping = skipping, .exact = true};
    int rc = DESY_OK;
    if (source->decoder->has_b_frames < timeline->reordering) source->decoder->has_b_frames = timeline->reordering;
    for (int first = 0; pass.exact && first < wanted->count;) {
        int64_t from, to;
        const int last = run_of(&pass, first, &from, &to);
        DESY_TRY(decode_run(&pass, first, last, from, to));
        first = last;
    }
out:
    *exact = pass.exact;
    return rc;
}

int desy_video_decode_by_counting(struct desy_video_source *source, const struct desy_video_timeline *timeline, const struct desy_video_wanted *wanted,
                                  int64_t *position)
{
    int rc = DESY_OK;
    for (int k = 0; k < wanted->count; k++)
        if (timeline->shown[wanted->frames[k]].damaged)
            return desy_error(DESY_EDATA, "frame %lld, which is needed, is damaged", (long long)wanted->frames[k]);
    for (int k = 0; k < wanted->count; ++*position) {
        if (!desy_video_source_frame(source)) return desy_error(DESY_EDATA, "frame %lld can't be decoded", (long long)wanted->frames[k]);
        if (*position == wanted->frames[k]) DESY_TRY(wanted->take(wanted->context, k++));
    }
out:
    return rc;
}
