/* How frames are found, exactly and without decoding all: the packets' times (no decoding) give the timeline, sampling picks,
 * decoding starts at the key frame before the first one picked. Every frame that comes out is checked against the timeline;
 * where the two disagree, or anything is damaged, or the container is not one to trust, the video is decoded from its start
 * instead, once to count the frames and once for those that were picked. */
#include "features/video.h"

#include "base/error.h"
#include "features/forensic.h"
#include "features/transform.h"
#include "features/video_picture.h"
#include "features/video_timeline.h"

#include <errno.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FEWEST_FRAMES 4

struct desy_video {
    struct desy_clip_request request;
    struct desy_clip *clip;
    struct desy_video_source source;
    struct desy_video_timeline timeline;
    struct desy_video_picture picture;
};

/* Anything but a regular file could block, or never end. */
static int check_file(struct desy_clip *clip, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) return desy_error(DESY_EDATA, "can't be opened: %s", strerror(errno));
    if (S_ISDIR(status.st_mode)) return desy_error(DESY_EDATA, "is a directory");
    if (!S_ISREG(status.st_mode)) return desy_error(DESY_EDATA, "is not a regular file");
    if (status.st_size == 0) return desy_error(DESY_EDATA, "is an empty file");
    clip->size = status.st_size;
    clip->mtime_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    return DESY_OK;
}

static int open_source(desy_video *video)
{
    bool has_video;
    desy_video_source_close(&video->source);
    int rc = desy_video_source_open(&video->source, &has_video, video->request.path);
    if (rc == DESY_EDATA && !has_video) video->clip->status = DESY_STATUS_NO_VIDEO;
    return rc;
}

/* One frame that was picked, into row k. */
static int take_frame(desy_video *video, int k)
{
    struct desy_clip *clip = video->clip;
    const AVFrame *frame = video->source.frame;
    int rc;
    DESY_TRY(desy_video_picture_make(&video->picture, frame));
    if (k == 0) {
        clip->width = video->picture.frame.width;
        clip->height = video->picture.frame.height;
        snprintf(clip->pixel_format, sizeof clip->pixel_format, "%s", av_get_pix_fmt_name(frame->format));
    }
    DESY_TRY(desy_transform_frame(&clip->rgb[k][0][0][0], &video->picture.frame, video->request.transform));
    if (video->request.forensic)
        DESY_TRY(desy_forensic_frame(clip->forensic[k], video->picture.frame.luma, video->picture.frame.luma_stride,
                                     video->picture.frame.width, video->picture.frame.height));
out:
    return rc;
}

/* Picks the frames of the timeline. */
static void pick_frames(desy_video *video)
{
    struct desy_clip *clip = video->clip;
    const struct desy_video_timeline *timeline = &video->timeline;
    clip->total_frames = timeline->count;
    clip->frames = desy_sample_frames(clip->frame_index, video->request.frames, video->request.sampling, timeline->seconds, timeline->count);
    for (int k = 0; k < clip->frames; k++) clip->pts[k] = timeline->seconds[clip->frame_index[k]];
}

/* Decodes from the key frame before the first picked. *exact: every frame was where the packets said; else nothing counts. */
static int read_by_index(desy_video *video, bool *exact)
{
    struct desy_clip *clip = video->clip;
    const struct desy_video_timeline *timeline = &video->timeline;
    const struct desy_video_packet *key = desy_video_timeline_key(timeline, timeline->stamps[clip->frame_index[0]]);
    int64_t before = -1;
    int rc = DESY_OK;
    *exact = key && desy_video_source_seek(&video->source, key->pts);
    for (int k = 0; *exact && k < clip->frames;) {
        *exact = desy_video_source_frame(&video->source);
        int64_t index = *exact ? desy_video_timeline_find(timeline, video->source.frame->best_effort_timestamp) : -1;
        *exact = index >= 0 && (before < 0 ? index <= clip->frame_index[0] : index == before + 1) && !video->source.errors;
        before = index;
        if (!*exact || index != clip->frame_index[k]) continue;
        DESY_TRY(take_frame(video, k));
        k++;
    }
out:
    return rc;
}

/* Decodes from the start, counting. */
static int read_by_counting(desy_video *video)
{
    struct desy_clip *clip = video->clip;
    int64_t index = 0;
    int rc = DESY_OK;
    for (int k = 0; k < clip->frames; k++)
        if (video->timeline.damaged[clip->frame_index[k]])
            return desy_error(DESY_EDATA, "frame %lld, which is needed, is damaged", (long long)clip->frame_index[k]);
    for (int k = 0; k < clip->frames; index++) {
        if (!desy_video_source_frame(&video->source))
            return desy_error(DESY_EDATA, "frame %lld can't be decoded", (long long)clip->frame_index[k]);
        if (index != clip->frame_index[k]) continue;
        DESY_TRY(take_frame(video, k));
        k++;
    }
out:
    return rc;
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
    clip->fps = span > 0 ? (double)(timeline->count - 1) / span : rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    clip->duration = clip->fps > 0 ? (double)timeline->count / clip->fps : 0;
    clip->bit_rate = clip->duration > 0 ? (int64_t)((double)timeline->bytes * 8 / clip->duration) : 0;
}

/* What is odd about a video whose frames could be had: less than its container promises, or errors elsewhere. */
static void warn(desy_video *video, int64_t errors, bool cut)
{
    struct desy_clip *clip = video->clip;
    const AVFormatContext *format = video->source.format;
    const AVStream *stream = video->source.stream;
    /* Matroska's duration is counted from 0, also where the first frame is later. */
    int64_t late = strncmp(format->iformat->name, "matroska", 8) == 0 && format->start_time > 0 ? format->start_time : 0;
    double promised = stream->duration > 0 ? (double)stream->duration * av_q2d(stream->time_base) : (double)(format->duration - late) / AV_TIME_BASE;
    bool less = promised > clip->duration * 1.1 + 0.2;
    if (stream->nb_frames > clip->total_frames && (less || cut || errors))
        snprintf(clip->reason, sizeof clip->reason, "cut short or damaged: its container promises %lld frames, %lld can be decoded",
                 (long long)stream->nb_frames, (long long)clip->total_frames);
    else if (less)
        snprintf(clip->reason, sizeof clip->reason, "cut short or damaged: its container promises %.2f s, %.2f s can be decoded", promised, clip->duration);
    else if (cut || errors)
        snprintf(clip->reason, sizeof clip->reason, "damaged: %lld errors in decoding, but not in the %d frames used", (long long)errors, clip->frames);
}

static int check_length(desy_video *video, bool damaged)
{
    if (video->timeline.count >= FEWEST_FRAMES) return DESY_OK;
    if (damaged || video->timeline.count == 0)
        return desy_error(DESY_EDATA, "only %lld frames can be decoded", (long long)video->timeline.count);
    video->clip->status = DESY_STATUS_TOO_SHORT;
    return desy_error(DESY_EDATA, "%lld frames, and at least %d are needed", (long long)video->timeline.count, FEWEST_FRAMES);
}

static int read_video(desy_video *video)
{
    bool exact = false;
    int64_t errors = 0;
    int rc;
    DESY_TRY(check_file(video->clip, video->request.path));
    DESY_TRY(open_source(video));
    DESY_TRY(desy_video_timeline_scan(&video->timeline, &video->source));
    bool cut = video->source.cut || video->timeline.corrupt;
    if (video->timeline.exact && video->timeline.count >= FEWEST_FRAMES) {
        pick_frames(video);
        DESY_TRY(read_by_index(video, &exact));
    }
    if (!exact) {
        DESY_TRY(open_source(video));
        DESY_TRY(desy_video_timeline_decode(&video->timeline, &video->source));
        errors = video->source.errors;
        describe(video);
        DESY_TRY(check_length(video, cut || errors));
        pick_frames(video);
        DESY_TRY(open_source(video));
        DESY_TRY(read_by_counting(video));
    }
    describe(video);
    warn(video, errors, cut);
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
    *out = video;
    return DESY_OK;
}

int desy_video_next(desy_video *video, struct desy_clip *clip)
{
    memset(clip, 0, offsetof(struct desy_clip, audio));
    clip->size = clip->mtime_ns = -1;
    clip->windows = 1;
    video->clip = clip;
    int rc = read_video(video);
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
