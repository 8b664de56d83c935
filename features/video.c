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
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FEWEST_FRAMES 4

struct reading {
    struct desy_clip *clip;
    const struct desy_clip_request *request;
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

static int open_source(struct reading *reading)
{
    bool has_video;
    desy_video_source_close(&reading->source);
    int rc = desy_video_source_open(&reading->source, &has_video, reading->request->path);
    if (rc == DESY_EDATA && !has_video) reading->clip->status = DESY_STATUS_NO_VIDEO;
    return rc;
}

/* One frame that was picked, into row k. */
static int take_frame(struct reading *reading, int k)
{
    struct desy_clip *clip = reading->clip;
    const AVFrame *frame = reading->source.frame;
    int rc;
    DESY_TRY(desy_video_picture_make(&reading->picture, frame));
    if (k == 0) {
        clip->width = reading->picture.frame.width;
        clip->height = reading->picture.frame.height;
        snprintf(clip->pixel_format, sizeof clip->pixel_format, "%s", av_get_pix_fmt_name(frame->format));
    }
    DESY_TRY(desy_transform_frame(&clip->rgb[k][0][0][0], &reading->picture.frame, reading->request->transform));
    if (reading->request->forensic)
        DESY_TRY(desy_forensic_frame(clip->forensic[k], reading->picture.frame.luma, reading->picture.frame.luma_stride,
                                     reading->picture.frame.width, reading->picture.frame.height));
out:
    return rc;
}

/* Picks the frames of the timeline. */
static void pick_frames(struct reading *reading)
{
    struct desy_clip *clip = reading->clip;
    const struct desy_video_timeline *timeline = &reading->timeline;
    clip->total_frames = timeline->count;
    clip->frames = desy_sample_frames(clip->frame_index, reading->request->frames, reading->request->sampling, timeline->seconds, timeline->count);
    for (int k = 0; k < clip->frames; k++) clip->pts[k] = timeline->seconds[clip->frame_index[k]];
}

/* Decodes from the key frame before the first picked. *exact: every frame was where the packets said; else nothing counts. */
static int read_by_index(struct reading *reading, bool *exact)
{
    struct desy_clip *clip = reading->clip;
    const struct desy_video_timeline *timeline = &reading->timeline;
    const struct desy_video_packet *key = desy_video_timeline_key(timeline, timeline->stamps[clip->frame_index[0]]);
    int64_t before = -1;
    int rc = DESY_OK;
    *exact = key && desy_video_source_seek(&reading->source, key->pts);
    for (int k = 0; *exact && k < clip->frames;) {
        *exact = desy_video_source_frame(&reading->source);
        int64_t index = *exact ? desy_video_timeline_find(timeline, reading->source.frame->best_effort_timestamp) : -1;
        *exact = index >= 0 && (before < 0 ? index <= clip->frame_index[0] : index == before + 1) && !reading->source.errors;
        before = index;
        if (!*exact || index != clip->frame_index[k]) continue;
        DESY_TRY(take_frame(reading, k));
        k++;
    }
out:
    return rc;
}

/* Decodes from the start, counting. */
static int read_by_counting(struct reading *reading)
{
    struct desy_clip *clip = reading->clip;
    int64_t index = 0;
    int rc = DESY_OK;
    for (int k = 0; k < clip->frames; k++)
        if (reading->timeline.damaged[clip->frame_index[k]])
            return desy_error(DESY_EDATA, "frame %lld, which is needed, is damaged", (long long)clip->frame_index[k]);
    for (int k = 0; k < clip->frames; index++) {
        if (!desy_video_source_frame(&reading->source))
            return desy_error(DESY_EDATA, "frame %lld can't be decoded", (long long)clip->frame_index[k]);
        if (index != clip->frame_index[k]) continue;
        DESY_TRY(take_frame(reading, k));
        k++;
    }
out:
    return rc;
}

/* Metadata, of the frames that are there. */
static void describe(struct reading *reading)
{
    struct desy_clip *clip = reading->clip;
    const struct desy_video_timeline *timeline = &reading->timeline;
    const struct desy_video_source *source = &reading->source;
    double span = timeline->count > 1 ? timeline->seconds[timeline->count - 1] : 0;
    AVRational rate = source->stream->avg_frame_rate;
    snprintf(clip->codec, sizeof clip->codec, "%s", avcodec_get_name(source->stream->codecpar->codec_id));
    snprintf(clip->container, sizeof clip->container, "%s", source->format->iformat->name);
    clip->fps = span > 0 ? (double)(timeline->count - 1) / span : rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    clip->duration = clip->fps > 0 ? (double)timeline->count / clip->fps : 0;
    clip->bit_rate = clip->duration > 0 ? (int64_t)((double)timeline->bytes * 8 / clip->duration) : 0;
}

/* What is odd about a video whose frames could be had: less than its container promises, or errors elsewhere. */
static void warn(struct reading *reading, int64_t errors, bool cut)
{
    struct desy_clip *clip = reading->clip;
    const AVFormatContext *format = reading->source.format;
    const AVStream *stream = reading->source.stream;
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

static int check_length(struct reading *reading, bool damaged)
{
    if (reading->timeline.count >= FEWEST_FRAMES) return DESY_OK;
    if (damaged || reading->timeline.count == 0)
        return desy_error(DESY_EDATA, "only %lld frames can be decoded", (long long)reading->timeline.count);
    reading->clip->status = DESY_STATUS_TOO_SHORT;
    return desy_error(DESY_EDATA, "%lld frames, and at least %d are needed", (long long)reading->timeline.count, FEWEST_FRAMES);
}

static int read_video(struct reading *reading)
{
    bool exact = false;
    int64_t errors = 0;
    int rc;
    DESY_TRY(check_file(reading->clip, reading->request->path));
    DESY_TRY(open_source(reading));
    DESY_TRY(desy_video_timeline_scan(&reading->timeline, &reading->source));
    bool cut = reading->source.cut || reading->timeline.corrupt;
    if (reading->timeline.exact && reading->timeline.count >= FEWEST_FRAMES) {
        pick_frames(reading);
        DESY_TRY(read_by_index(reading, &exact));
    }
    if (!exact) {
        DESY_TRY(open_source(reading));
        DESY_TRY(desy_video_timeline_decode(&reading->timeline, &reading->source));
        errors = reading->source.errors;
        describe(reading);
        DESY_TRY(check_length(reading, cut || errors));
        pick_frames(reading);
        DESY_TRY(open_source(reading));
        DESY_TRY(read_by_counting(reading));
    }
    describe(reading);
    warn(reading, errors, cut);
out:
    return rc;
}

int desy_video_read(struct desy_clip *clip, const struct desy_clip_request *request)
{
    struct reading reading = {.clip = clip, .request = request};
    memset(clip, 0, sizeof *clip);
    clip->size = clip->mtime_ns = -1;
    if (request->frames < FEWEST_FRAMES || request->frames > DESY_MAX_FRAMES)
        return desy_error(DESY_EUSAGE, "%d frames asked for; from %d to %d can be had", request->frames, FEWEST_FRAMES, DESY_MAX_FRAMES);
    int rc = read_video(&reading);
    if (rc == DESY_EDATA) {
        if (clip->status == DESY_STATUS_OK) clip->status = DESY_STATUS_UNREADABLE;
        clip->frames = 0;
        snprintf(clip->reason, sizeof clip->reason, "%s", desy_error_message());
        rc = DESY_OK;
    }
    desy_video_picture_close(&reading.picture);
    desy_video_timeline_close(&reading.timeline);
    desy_video_source_close(&reading.source);
    return rc;
}
