#include "features/video_decode.h"

#include "base/error.h"

struct pass {
    struct desy_video_source *source;
    const struct desy_video_timeline *timeline;
    const struct desy_video_wanted *wanted;
    bool skipping, exact;
    int taken;
    int64_t before; /* the frame that came out last; -1: none in this run */
    int64_t from, came; /* the packet that the run began with, and how many frames came out of it */
};

#define DEEPEST_REORDERING 16 /* of any codec: H.264's and HEVC's picture buffers */

/* Of the two times one may be made up by the demuxer after seeking. */
static bool is_packet(const AVPacket *packet, const struct desy_video_packet *expected)
{
    return (packet->pts == expected->pts || packet->dts == expected->dts) && packet->size == expected->bytes;
}

/* source->packet becomes packet `target`. Seeking need not hit it: the packets up to it are only read. */
static bool go_to(struct pass *pass, int64_t target)
{
    const struct desy_video_packet *packet = &pass->timeline->packets[target];
    if (!desy_video_source_seek(pass->source, packet->pts)) return false;
    for (int64_t reads = 0; reads <= target; reads++) {
        if (!desy_video_source_packet(pass->source)) return false;
        if (is_packet(pass->source->packet, packet)) return true;
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
        else pass->exact = pass->exact && (pass->before < 0 || frame == pass->before + 1);
        pass->before = frame;
        if (!pass->exact || pass->taken == wanted->count || frame < wanted->frames[pass->taken]) continue;
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

static int decode_run(struct pass *pass, int first, int last, int64_t from, int64_t to)
{
    struct desy_video_source *source = pass->source;
    int rc = DESY_OK;
    if (pass->timeline->by_decoding_times) to = to + DEEPEST_REORDERING < pass->timeline->packet_count ? to + DEEPEST_REORDERING : pass->timeline->packet_count - 1;
    pass->before = -1, pass->came = 0, pass->from = from;
    pass->exact = from >= 0 && go_to(pass, from);
    for (int64_t packet = from; pass->exact && packet <= to; packet++) {
        if (packet > from) pass->exact = desy_video_source_packet(source) && is_packet(source->packet, &pass->timeline->packets[packet]);
        if (!pass->exact) break;
        source->decoder->skip_frame = !pass->skipping || is_wanted(pass, packet, first, last) ? AVDISCARD_DEFAULT : AVDISCARD_NONREF;
        desy_video_source_send(source, false);
        DESY_TRY(receive_all(pass));
    }
    if (!pass->exact) goto out;
    desy_video_source_send(source, true);
    DESY_TRY(receive_all(pass));
    avcodec_flush_buffers(source->decoder);
    source->draining = false;
    pass->exact = pass->exact && pass->taken == last && (!pass->timeline->by_decoding_times || pass->came == to - from + 1);
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

int desy_video_decode_by_counting(struct desy_video_source *source, const struct desy_video_timeline *timeline, const struct desy_video_wanted *wanted)
{
    int rc = DESY_OK;
    for (int k = 0; k < wanted->count; k++)
        if (timeline->shown[wanted->frames[k]].damaged)
            return desy_error(DESY_EDATA, "frame %lld, which is needed, is damaged", (long long)wanted->frames[k]);
    for (int64_t frame = 0, k = 0; k < wanted->count; frame++) {
        if (!desy_video_source_frame(source)) return desy_error(DESY_EDATA, "frame %lld can't be decoded", (long long)wanted->frames[k]);
        if (frame == wanted->frames[k]) DESY_TRY(wanted->take(wanted->context, (int)k++));
    }
out:
    return rc;
}
