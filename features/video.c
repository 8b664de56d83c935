/* One video to one clip. Two passes: packets alone, for the time of every frame; then decoding from the key frame before the
 * first wanted frame to the last wanted one. Whatever makes times unreliable leads to counting decoded frames from the start. */
#include "features/video.h"

#include "base/error.h"
#include "features/forensic.h"
#include "features/picture.h"
#include "features/timetable.h"
#include "features/transform.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct reading {
    struct desy_clip *clip;
    const struct desy_clip_request *request;
    struct desy_media media;
    struct desy_timetable times;
    struct desy_picture picture;
    int64_t decoded, damaged; /* frames that came out, and how many of them with errors */
};

__attribute__((format(printf, 3, 4))) static int give_up(struct desy_clip *clip, enum desy_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(clip->reason, sizeof clip->reason, format, arguments);
    va_end(arguments);
    clip->status = status;
    clip->frames = 0;
    return 1;
}

/* The wanted frame `slot` is here: the numbers of it. 0, or 1 if the video was given up, or a code below 0 for memory. */
static int take_frame(struct reading *reading, const AVFrame *frame, int slot)
{
    struct desy_clip *clip = reading->clip;
    struct desy_frame view;
    if (frame->decode_error_flags || (frame->flags & AV_FRAME_FLAG_CORRUPT)) {
        reading->damaged++;
        return give_up(clip, DESY_STATUS_UNREADABLE, "frame %lld, which is needed, is damaged", (long long)clip->frame_index[slot]);
    }
    if (desy_picture_convert(&reading->picture, &view, frame) != DESY_OK)
        return give_up(clip, DESY_STATUS_UNREADABLE, "%s", desy_error_message());
    if (desy_transform_frame(clip->rgb[slot][0][0], &view, reading->request->transform) != DESY_OK)
        return give_up(clip, DESY_STATUS_UNREADABLE, "%s", desy_error_message());
    if (reading->request->forensic && desy_forensic_frame(clip->forensic[slot], view.luma, view.luma_stride, view.width, view.height) != DESY_OK)
        return give_up(clip, DESY_STATUS_UNREADABLE, "%s", desy_error_message());
    clip->width = view.width;
    clip->height = view.height;
    return 0;
}

/* Decodes until every wanted frame was taken. `counting`: frame n is the n-th that comes out; else it is known by its time.
 * *taken: how many were. */
static int decode_wanted(struct reading *reading, bool counting, int *taken)
{
    struct desy_clip *clip = reading->clip;
    AVFrame *frame = av_frame_alloc();
    int rc = frame ? 0 : give_up(clip, DESY_STATUS_UNREADABLE, "out of memory");
    *taken = 0;
    reading->decoded = 0;
    while (rc == 0 && *taken < clip->frames) {
        int got = desy_media_decode(&reading->media, frame);
        if (got <= 0) break; /* the end */
        int64_t number = reading->decoded++;
        if (!counting) number = desy_timetable_find(&reading->times, frame->best_effort_timestamp);
        if (number == clip->frame_index[*taken]) {
            rc = take_frame(reading, frame, *taken);
            (*taken)++;
        } else if (number > clip->frame_index[*taken]) break; /* it will not come any more */
        av_frame_unref(frame);
    }
    av_frame_free(&frame);
    return rc;
}

static void choose(struct reading *reading)
{
    struct desy_clip *clip = reading->clip;
    clip->frames = desy_sample_frames(clip->frame_index, reading->request->frames, reading->request->sampling, reading->times.seconds, reading->times.count);
    for (int i = 0; i < clip->frames; i++) clip->pts[i] = reading->times.seconds[clip->frame_index[i]];
}

/* Counts what really decodes, with its times: for damaged files and those whose packets tell nothing. */
static int count_by_decoding(struct reading *reading)
{
    AVFrame *frame = av_frame_alloc();
    if (!frame) return give_up(reading->clip, DESY_STATUS_UNREADABLE, "out of memory");
    int rc = desy_media_rewind(&reading->media, reading->request->path) == DESY_OK ? 0 : give_up(reading->clip, DESY_STATUS_UNREADABLE, "%s", desy_error_message());
    desy_timetable_clear(&reading->times);
    while (rc == 0 && desy_media_decode(&reading->media, frame) > 0) {
        if (desy_timetable_add(&reading->times, frame->best_effort_timestamp) != DESY_OK) rc = give_up(reading->clip, DESY_STATUS_UNREADABLE, "%s", desy_error_message());
        av_frame_unref(frame);
    }
    av_frame_free(&frame);
    if (rc == 0) desy_timetable_finish(&reading->times, &reading->media, true);
    return rc;
}

static int too_short(struct reading *reading)
{
    return give_up(reading->clip, DESY_STATUS_TOO_SHORT, "%lld frames: at least 4 are needed", (long long)reading->times.count);
}

static int read_clip(struct reading *reading)
{
    int taken, rc;
    struct desy_clip *clip = reading->clip;
    if (reading->times.reliable) {
        if (reading->times.count < 4) return too_short(reading);
        choose(reading);
        if (desy_media_seek(&reading->media, &reading->times, clip->frame_index[0], reading->request->path) != DESY_OK)
            return give_up(clip, DESY_STATUS_UNREADABLE, "%s", desy_error_message());
        rc = decode_wanted(reading, false, &taken);
        if (rc != 0 || taken == clip->frames) return rc;
    }
    int64_t promised = reading->times.reliable ? reading->times.count : 0;
    if ((rc = count_by_decoding(reading)) != 0) return rc;
    clip->total_frames = reading->times.count;
    if (reading->times.count == 0) return give_up(clip, DESY_STATUS_UNREADABLE, "no frame can be decoded");
    if (reading->times.count < 4) return too_short(reading);
    choose(reading);
    if (desy_media_rewind(&reading->media, reading->request->path) != DESY_OK) return give_up(clip, DESY_STATUS_UNREADABLE, "%s", desy_error_message());
    rc = decode_wanted(reading, true, &taken);
    if (rc == 0 && taken < clip->frames) return give_up(clip, DESY_STATUS_UNREADABLE, "decoding twice gives different numbers of frames");
    if (rc == 0 && promised > reading->times.count)
        snprintf(clip->reason, sizeof clip->reason, "damaged: the container lists %lld frames, %lld can be decoded", (long long)promised, (long long)reading->times.count);
    return rc;
}

/* A regular file with something in it; its size and time are part of the clip whatever follows. */
static int look_at_file(struct desy_clip *clip, const char *path)
{
    struct stat status;
    clip->size = clip->mtime_ns = -1;
    if (stat(path, &status) != 0) return give_up(clip, DESY_STATUS_UNREADABLE, "%m");
    if (!S_ISREG(status.st_mode)) return give_up(clip, DESY_STATUS_UNREADABLE, "not a regular file");
    clip->size = status.st_size;
    clip->mtime_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    return status.st_size == 0 ? give_up(clip, DESY_STATUS_UNREADABLE, "the file is empty") : 0;
}

int desy_video_read(struct desy_clip *clip, const struct desy_clip_request *request)
{
    struct reading reading = {.clip = clip, .request = request};
    memset(clip, 0, offsetof(struct desy_clip, forensic));
    int rc = look_at_file(clip, request->path);
    if (rc == 0) {
        bool no_video = false;
        if (desy_media_open(&reading.media, request->path, &no_video) != DESY_OK)
            rc = give_up(clip, no_video ? DESY_STATUS_NO_VIDEO : DESY_STATUS_UNREADABLE, "%s", desy_error_message());
    }
    if (rc == 0 && desy_timetable_scan(&reading.times, &reading.media) != DESY_OK) rc = give_up(clip, DESY_STATUS_UNREADABLE, "%s", desy_error_message());
    if (rc == 0) {
        desy_media_describe(&reading.media, clip);
        clip->total_frames = reading.times.count;
        rc = read_clip(&reading);
    }
    if (rc == 0) {
        double span = reading.times.seconds[reading.times.count - 1] - reading.times.seconds[0];
        clip->fps = span > 0 ? (double)(reading.times.count - 1) / span : 0;
        clip->duration = span > 0 ? span + 1 / clip->fps : 0;
    }
    desy_picture_close(&reading.picture);
    desy_timetable_close(&reading.times);
    desy_media_close(&reading.media);
    return DESY_OK;
}
