/* How frames are found, exactly and without decoding all: the packets' times (no decoding) give the timeline, sampling picks,
 * decoding starts at the key frame before the first one picked, and leaves out what no other picture needs. Every frame that comes
 * out is checked against the timeline; where the two disagree, or anything is damaged, nothing is left out; and if that does not help,
 * or packets don't tell frames, the video is decoded from its start, once to count the frames and once for those that were picked. By
 * the packets, frame n is ffmpeg's n-th as long as every packet before it gives a frame. */
#include "features/video.h"

#include "base/error.h"
#include "features/audio.h"
#include "features/container.h"
#include "features/crop.h"
#include "features/forensic.h"
#include "features/transform.h"
#include "features/libav_log.h"
#include "features/reencode.h"
#include "features/video_decode.h"
#include "features/video_location.h"
#include "features/video_picture.h"

#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEWEST_FRAMES 4
#define MOST_BIT_RATE 1e15
#define AVI_UNKNOWN_FRAMES (1 << 30) /* so many, libavformat writes to a pipe: it can't fill in the number later */
#define MARGIN .5 /* seconds before and after a window that its view is encoded with, so that its frames refer to others as any */

/* Where a view is made: the frames that are encoded for it, of which the window's come out again. */
struct stretch {
    int64_t *frames;            /* of the original; first to last, but for damaged ones */
    int count;
    double at[DESY_MAX_FRAMES]; /* when the window's frames are shown, from the first one of the stretch on */
    int wanted;
    desy_reencode *reencode;
};

struct desy_video {
    struct desy_clip_request request;
    struct desy_clip *clip;
    int64_t size, mtime_ns;
    struct desy_video_source source;
    struct desy_video_timeline timeline;
    struct desy_video_picture picture;
    struct desy_video_turn turn;
    struct desy_transform_axes axes;
    desy_forensic *forensic; /* NULL: not asked for */
    bool askew;          /* its display matrix turns it by no multiple of 90 degrees */
    int window, windows; /* the next one; 0 windows: not opened yet */
    bool skipping;       /* leaves out what no other picture refers to */
    int64_t position;    /* frames decoded since the source was opened, where they are counted; -1: it must be opened anew */
    bool cut;            /* less is there than the container promises, or damaged */
    int64_t errors;      /* in decoding all, if that was done */
    struct desy_video_wanted wanted;
    struct stretch stretch;               /* of an augmented view */
    const struct desy_video_bytes *bytes; /* what was encoded for one, in place of a file ... */
    const struct stretch *of;             /* ... of this stretch */
};

/* What is read, of a shard only the member. */
static int find_file(desy_video *video)
{
    struct desy_video_location location;
    if (video->bytes) return DESY_OK;
    if (video->request.path_too_long) return desy_error(DESY_EDATA, "path too long: %zu bytes at most", sizeof video->request.path - 1);
    int rc = desy_video_locate(&location, video->request.path);
    if (rc == DESY_OK) video->size = location.bytes, video->mtime_ns = location.mtime_ns;
    return rc;
}

static int open_source(desy_video *video)
{
    bool has_video;
    desy_video_source_close(&video->source);
    int rc = video->bytes ? desy_video_source_open_memory(&video->source, &has_video, video->bytes->data, (int64_t)video->bytes->size)
                          : desy_video_source_open(&video->source, &has_video, video->request.path);
    if (rc == DESY_EDATA && !has_video) video->clip->status = DESY_STATUS_NO_VIDEO;
    if (rc == DESY_OK && !video->bytes) video->turn = desy_video_turn_of(video->source.stream, &video->askew);
    return rc;
}

/* One frame that was picked, into row k. */
static int take_frame(void *context, int k)
{
    desy_video *video = context;
    struct desy_clip *clip = video->clip;
    const AVFrame *frame = video->source.frame;
    int rc;
    DESY_TRY(desy_video_picture_make(&video->picture, frame, &video->turn));
    if (k == 0) {
        clip->width = video->picture.frame.width;
        clip->height = video->picture.frame.height;
        snprintf(clip->pixel_format, sizeof clip->pixel_format, "%s", av_get_pix_fmt_name(frame->format));
    }
    DESY_TRY(desy_transform_frame(&clip->rgb[k][0][0][0], &video->picture.frame, video->request.transform, &video->axes));
    if (video->request.crops) desy_crop_clip(clip, k, video->request.frames, &video->picture.frame);
    if (video->request.forensic)
        DESY_TRY(desy_forensic_frame(video->forensic, clip->forensic, k, video->picture.frame.luma, video->picture.frame.luma_stride,
                                     video->picture.frame.width, video->picture.frame.height));
out:
    return rc;
}

/* One frame of the stretch, into the view's encoder. Number 0 comes again where decoding had to begin anew. */
static int take_frame_of_stretch(void *context, int k)
{
    desy_video *video = context;
    struct stretch *stretch = &video->stretch;
    const double *seconds = video->timeline.seconds, first = seconds[stretch->frames[0]], span = seconds[stretch->frames[stretch->count - 1]] - first;
    int rc;
    if (k == 0) {
        const struct desy_clip_request *request = &video->request;
        const double fps = span > 0 ? fmin(fmax(rint((stretch->count - 1) / span), 1), 1000) : 25;
        const struct desy_reencode_options options = {desy_view_recipe(request->views, request->seed, request->item, request->view),
                                                      request->seed ^ request->item ^ (uint64_t)request->view << 32 ^ (uint64_t)video->window, (int)fps, video->turn.transpose};
        desy_reencode_close(&stretch->reencode);
        DESY_TRY(desy_reencode_open(&stretch->reencode, &options));
    }
    DESY_TRY(desy_reencode_frame(stretch->reencode, video->source.frame, seconds[stretch->frames[k]] - first));
out:
    return rc;
}

/* The frames about those of the window that was picked. */
static int pick_stretch(desy_video *video)
{
    const struct desy_clip *clip = video->clip;
    const struct desy_video_timeline *timeline = &video->timeline;
    struct stretch *stretch = &video->stretch;
    int64_t first = clip->frame_index[0], last = clip->frame_index[clip->frames - 1];
    while (first > 0 && timeline->seconds[first - 1] >= clip->pts[0] - MARGIN) first--;
    while (last + 1 < timeline->count && timeline->seconds[last + 1] <= clip->pts[clip->frames - 1] + MARGIN) last++;
    free(stretch->frames);
    stretch->count = 0;
    stretch->frames = last - first < INT32_MAX ? malloc((size_t)(last - first + 1) * sizeof *stretch->frames) : NULL;
    if (!stretch->frames) return desy_error_memory("the frames of a view");
    for (int64_t i = first; i <= last; i++)
        if (!timeline->shown[i].damaged) stretch->frames[stretch->count++] = i;
    if (stretch->count == 0) return desy_error(DESY_EDATA, "damaged: none of its frames can be used");
    stretch->wanted = clip->frames;
    for (int k = 0; k < clip->frames; k++) stretch->at[k] = clip->pts[k] - timeline->seconds[stretch->frames[0]];
    video->wanted = (struct desy_video_wanted){stretch->frames, stretch->count, take_frame_of_stretch, video};
    return DESY_OK;
}

/* Picks the frames of the next window. */
static int pick_frames(desy_video *video)
{
    struct desy_clip *clip = video->clip;
    const struct desy_clip_request *request = &video->request;
    const struct desy_times times = desy_video_timeline_times(&video->timeline);
    video->windows = desy_sample_windows(request->frames, request->sampling, request->windows, &times);
    clip->total_frames = times.count;
    clip->frames = video->of ? desy_sample_near(clip->frame_index, video->of->wanted, video->of->at, &times)
                             : desy_sample_frames(clip->frame_index, request->frames, request->sampling, video->window, request->windows, &times);
    for (int k = 0; k < clip->frames; k++) clip->pts[k] = times.seconds[clip->frame_index[k]];
    if (clip->frames < FEWEST_FRAMES) {
        clip->status = DESY_STATUS_TOO_SHORT;
        return desy_error(DESY_EDATA, "%d frames, and at least %d are needed", clip->frames, FEWEST_FRAMES);
    }
    video->wanted = (struct desy_video_wanted){clip->frame_index, clip->frames, take_frame, video};
    return request->view > 0 ? pick_stretch(video) : DESY_OK;
}

/* Codecs whose decoders can tell, and leave out, pictures that no other one refers to; not where all frames must come out to be told. */
static bool can_skip(const desy_video *video)
{
    static const enum AVCodecID codecs[] = {AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_MPEG4, AV_CODEC_ID_MPEG1VIDEO, AV_CODEC_ID_MPEG2VIDEO, AV_CODEC_ID_VP8};
    const enum AVCodecID codec = video->source.stream->codecpar->codec_id;
    if (video->timeline.by_decoding_times || (codec == AV_CODEC_ID_MPEG4 && strcmp(video->source.format->iformat->name, "avi") == 0)) return false;
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (codec == codecs[i]) return true;
    return false;
}

/* Metadata, of the frames that are there. */
static void describe(desy_video *video)
{
    struct desy_clip *clip = video->clip;
    const struct desy_video_timeline *timeline = &video->timeline;
    const struct desy_video_source *source = &video->source;
    double span = timeline->count > 1 ? timeline->seconds[timeline->count - 1] : 0;
    AVRational rate = source->stream->avg_frame_rate;
    snprintf(clip->codec, sizeof clip->codec, "%s", avcodec_get_name(source->stream->codecpar->codec_id));
    snprintf(clip->container, sizeof clip->container, "%s", source->format->iformat->name);
    const AVDictionaryEntry *muxer = av_dict_get(source->format->metadata, "encoder", NULL, 0);
    snprintf(clip->muxer, sizeof clip->muxer, "%s", muxer ? muxer->value : "");
    clip->fps = span > 0 ? (double)(timeline->count - 1) / span : rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    clip->duration = clip->fps > 0 ? (double)timeline->count / clip->fps : 0;
    clip->key_frames = timeline->key_packets;
    clip->longest_gop = timeline->longest_gop;
    clip->reordering = timeline->reordering;
    clip->rotation = video->turn.degrees;
    for (unsigned i = 0; i < source->format->nb_streams; i++)
        if (source->format->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_AUDIO) clip->has_sound = 1;
    clip->window = video->window;
    clip->windows = video->windows;
    clip->bit_rate = clip->duration > 0 ? (int64_t)fmin((double)timeline->bytes * 8 / clip->duration, MOST_BIT_RATE) : 0;
}

/* What the container says that it holds of the video, in seconds; 0: nothing. */
static double promised_duration(const desy_video *video)
{
    const AVFormatContext *format = video->source.format;
    const AVStream *stream = video->source.stream;
    const struct desy_video_timeline *timeline = &video->timeline;
    const AVDictionaryEntry *tag = av_dict_get(stream->metadata, "DURATION", NULL, 0);
    /* Matroska's durations are counted from 0, also where the first frame is later. */
    const bool late = desy_container_is(format, "matroska") && timeline->count > 0 && timeline->shown[0].stamp > 0;
    const double first = late ? (double)timeline->shown[0].stamp * av_q2d(stream->time_base) : 0;
    double hours, minutes, seconds;
    if (desy_container_is(format, "avi") && stream->nb_frames == AVI_UNKNOWN_FRAMES) return 0;
    if (stream->duration > 0) return (double)stream->duration * av_q2d(stream->time_base);
    if (tag && sscanf(tag->value, "%lf:%lf:%lf", &hours, &minutes, &seconds) == 3 && isfinite(hours + minutes + seconds))
        return hours * 3600 + minutes * 60 + seconds - first;
    return format->nb_streams == 1 && format->duration != AV_NOPTS_VALUE ? (double)format->duration / AV_TIME_BASE - first : 0; /* of several, that of the longest */
}

/* What is odd about a video whose frames could be had: less than its container promises, or errors elsewhere. */
static void warn(desy_video *video)
{
    struct desy_clip *clip = video->clip;
    const AVStream *stream = video->source.stream;
    double promised = promised_duration(video);
    bool less = promised > clip->duration * 1.1 + 0.2;
    clip->cut = less;
    clip->damaged = !less && (video->cut || video->errors);
    if (stream->nb_frames > clip->total_frames && (less || video->cut || video->errors))
        snprintf(clip->reason, sizeof clip->reason, "cut short or damaged: its container promises %lld frames, %lld can be decoded",
                 (long long)stream->nb_frames, (long long)clip->total_frames);
    else if (less)
        snprintf(clip->reason, sizeof clip->reason, "cut short or damaged: its container promises %.2f s, %.2f s can be decoded", promised, clip->duration);
    else if (video->cut || video->errors)
        snprintf(clip->reason, sizeof clip->reason, "damaged: %lld errors in decoding, but not in the %d frames used", (long long)video->errors, clip->frames);
    else if (video->askew)
        snprintf(clip->reason, sizeof clip->reason, "its display matrix is not a turn by 90, 180 or 270 degrees; frames are taken as they lie");
}

static int check_length(desy_video *video, bool damaged)
{
    if (video->timeline.count >= FEWEST_FRAMES) return DESY_OK;
    if (damaged || video->timeline.count == 0)
        return desy_error(DESY_EDATA, "only %lld frames can be decoded", (long long)video->timeline.count);
    video->clip->status = DESY_STATUS_TOO_SHORT;
    return desy_error(DESY_EDATA, "%lld frames, and at least %d are needed", (long long)video->timeline.count, FEWEST_FRAMES);
}

/* Opens it, and finds when its frames are shown. */
static int begin(desy_video *video)
{
    int rc;
    DESY_TRY(find_file(video));
    DESY_TRY(open_source(video));
    DESY_TRY(desy_video_timeline_scan(&video->timeline, &video->source));
    video->cut = video->source.cut || video->timeline.corrupt;
    if (video->timeline.exact && video->timeline.count < FEWEST_FRAMES) video->timeline.exact = false;
    video->skipping = can_skip(video);
out:
    return rc;
}

/* By the packets' times, first leaving out what no other picture refers to, then not. HEVC: a picture that the decoder leaves out may be one
 * that a higher temporal layer refers to; that shows in the log alone. */
static int read_by_index(desy_video *video, bool *exact)
{
    const bool layered = video->source.stream->codecpar->codec_id == AV_CODEC_ID_HEVC;
    int rc = DESY_OK;
    *exact = false;
    DESY_TRY(pick_frames(video));
    for (;;) {
        const int logged = desy_libav_log_errors();
        DESY_TRY(desy_video_decode_by_index(&video->source, &video->timeline, &video->wanted, video->skipping, exact));
        if (video->skipping && layered && desy_libav_log_errors() > logged) *exact = false;
        if (*exact) break;
        desy_libav_log_reset(logged);
        DESY_TRY(open_source(video));
        if (!video->skipping) break;
        video->skipping = false;
    }
out:
    return rc;
}

/* The video is not what the windows before this one were chosen of. */
static int lost_window(const desy_video *video)
{
    return desy_error(DESY_EDATA, "damaged: the frames of window %d can't be decoded", video->window);
}

/* By decoding all of it: once to count the frames, then as far as a window needs, from where the one before it ended. */
static int read_by_counting(desy_video *video)
{
    const int64_t before = video->timeline.count;
    const int windows = video->window > 0 ? video->windows : 0;
    int rc = DESY_OK;
    if (video->timeline.exact || video->windows == 0) {
        DESY_TRY(open_source(video));
        DESY_TRY(desy_video_timeline_decode(&video->timeline, &video->source));
        video->errors = video->source.errors;
        video->position = -1;
        describe(video);
        DESY_TRY(check_length(video, video->cut || video->errors));
        if (windows > 0 && video->timeline.count != before) DESY_TRY(lost_window(video));
    }
    DESY_TRY(pick_frames(video));
    if (windows > 0 && video->windows != windows) DESY_TRY(lost_window(video));
    if (video->position < 0 || video->position > video->wanted.frames[0]) {
        DESY_TRY(open_source(video));
        video->position = 0;
    }
    DESY_TRY(desy_video_decode_by_counting(&video->source, &video->timeline, &video->wanted, &video->position));
out:
    return rc;
}

/* The clip, of what was encoded of the stretch: a video as any other. */
static int decode_view(desy_video *video)
{
    struct desy_clip *clip = video->clip;
    struct desy_video_bytes bytes = {0};
    struct desy_clip_request request = video->request;
    char reason[sizeof clip->reason];
    desy_video *view = NULL;
    int64_t frames = FEWEST_FRAMES;
    request.view = 0, request.windows = 1, request.audio = false;
    int rc = desy_reencode_take(&video->stretch.reencode, &bytes, &frames, FEWEST_FRAMES);
    if (frames < FEWEST_FRAMES) clip->status = DESY_STATUS_TOO_SHORT;
    if (rc != DESY_OK) goto out;
    DESY_TRY(desy_video_open(&view, &request));
    view->bytes = &bytes, view->of = &video->stretch, view->turn = video->turn;
    DESY_TRY(desy_video_next(view, clip));
    clip->window = video->window, clip->windows = video->windows, clip->view = video->request.view;
    for (int k = 0; k < clip->frames; k++) clip->pts[k] += video->timeline.seconds[video->stretch.frames[0]];
    snprintf(reason, sizeof reason, "%s", clip->reason);
    if (clip->status != DESY_STATUS_OK) rc = desy_error(DESY_EDATA, "%s", reason);
out:
    desy_video_close(&view);
    free(bytes.data);
    return rc;
}

static int read_view(desy_video *video)
{
    const struct desy_augment_recipe recipe = desy_view_recipe(video->request.views, video->request.seed, video->request.item, video->request.view);
    char text[160], reason[sizeof video->clip->reason];
    const int rc = decode_view(video);
    if (rc == DESY_OK) return rc;
    desy_augment_describe(text, &recipe);
    snprintf(reason, sizeof reason, "%s", desy_error_message());
    return desy_error(rc, "its view %d (%s): %s", video->request.view, text, reason);
}

static int read_window(desy_video *video)
{
    bool exact = false;
    int rc = DESY_OK;
    if (video->windows == 0) DESY_TRY(begin(video));
    if (video->timeline.exact) DESY_TRY(read_by_index(video, &exact));
    if (!exact) DESY_TRY(read_by_counting(video));
    if (video->request.view > 0) {
        DESY_TRY(read_view(video));
    } else {
        describe(video);
        warn(video);
    }
    if (video->request.audio) DESY_TRY(desy_audio_clip(video->clip, &video->request, video->source.stream, video->timeline.shown[0].stamp));
    video->window++;
out:
    return rc;
}

int desy_video_open(desy_video **out, const struct desy_clip_request *request)
{
    *out = NULL;
    if (request->frames < FEWEST_FRAMES || request->frames > DESY_MAX_FRAMES)
        return desy_error(DESY_EUSAGE, "%d frames asked for; from %d to %d can be had", request->frames, FEWEST_FRAMES, DESY_MAX_FRAMES);
    desy_video *video = calloc(1, sizeof *video);
    if (!video) return desy_error_memory("a video");
    video->request = *request;
    video->size = video->mtime_ns = -1;
    *out = video;
    const int rc = request->forensic ? desy_forensic_open(&video->forensic) : DESY_OK;
    if (rc != DESY_OK) desy_video_close(out);
    return rc;
}

int desy_video_next(desy_video *video, struct desy_clip *clip)
{
    memset(clip, 0, offsetof(struct desy_clip, audio));
    clip->windows = 1;
    clip->view = video->request.view;
    video->clip = clip;
    int rc = read_window(video);
    clip->size = video->size, clip->mtime_ns = video->mtime_ns;
    if (rc == DESY_EDATA) {
        if (clip->status == DESY_STATUS_OK) clip->status = DESY_STATUS_UNREADABLE;
        clip->frames = 0;
        snprintf(clip->reason, sizeof clip->reason, "%s", desy_error_message());
        rc = DESY_OK;
    }
    return rc;
}

void desy_video_close(desy_video **video)
{
    if (!*video) return;
    desy_forensic_close(&(*video)->forensic);
    desy_reencode_close(&(*video)->stretch.reencode);
    free((*video)->stretch.frames);
    desy_transform_axes_close(&(*video)->axes);
    desy_video_picture_close(&(*video)->picture);
    desy_video_timeline_close(&(*video)->timeline);
    desy_video_source_close(&(*video)->source);
    free(*video);
    *video = NULL;
}

int desy_video_read(struct desy_clip *clip, const struct desy_clip_request *request)
{
    desy_video *video;
    int rc = desy_video_open(&video, request);
    if (rc == DESY_OK) rc = desy_video_next(video, clip);
    desy_video_close(&video);
    return rc;
}
