#include "features/clip_check.h"

#include <math.h>
#include <string.h>

#define LONGEST_SIDE 65536

/* Ends it, and makes it ASCII: it goes into JSON and onto terminals. */
static void clean_text(char *text, size_t size)
{
    text[size - 1] = '\0';
    for (; *text; text++)
        if (*text < ' ' || *text > '~') *text = '?';
}

static bool good_numbers(const struct desy_clip *clip, const struct desy_clip_request *request)
{
    if (clip->windows < 1 || clip->windows > (request->windows > 1 ? request->windows : 1) || clip->window < 0 || clip->window >= clip->windows) return false;
    if (clip->frames < 4 || clip->frames > request->frames || clip->frames > DESY_MAX_FRAMES) return false;
    if (clip->width < 1 || clip->width > LONGEST_SIDE || clip->height < 1 || clip->height > LONGEST_SIDE) return false;
    if (!isfinite(clip->fps) || clip->fps < 0 || !isfinite(clip->duration) || clip->duration < 0) return false;
    if (clip->rotation < 0 || clip->rotation > 270 || clip->rotation % 90) return false;
    if (clip->key_frames < 0 || clip->longest_gop < 0 || clip->reordering < 0) return false;
    if (clip->audio_samples < 0 || clip->audio_samples > (request->audio ? DESY_AUDIO_SAMPLES : 0)) return false;
    if (clip->size < -1 || clip->bit_rate < 0 || clip->frame_index[0] < 0) return false;
    if (clip->frame_index[clip->frames - 1] >= clip->total_frames) return false;
    for (int k = 0; k < clip->frames; k++) {
        if (!isfinite(clip->pts[k])) return false;
        if (k > 0 && (clip->frame_index[k] <= clip->frame_index[k - 1] || clip->pts[k] < clip->pts[k - 1])) return false;
    }
    return true;
}

static int whole(int number)
{
    return number > 0 ? number : 0;
}

/* A clip that failed has no frames, and what is known of its video: nothing that a reader of numbers would stumble over. */
static void calm_failed(struct desy_clip *clip)
{
    clip->frames = clip->audio_samples = clip->window = 0;
    clip->windows = 1;
    clip->width = whole(clip->width), clip->height = whole(clip->height), clip->rotation = whole(clip->rotation);
    clip->key_frames = whole(clip->key_frames), clip->longest_gop = whole(clip->longest_gop), clip->reordering = whole(clip->reordering);
    if (!isfinite(clip->fps) || clip->fps < 0) clip->fps = 0;
    if (!isfinite(clip->duration) || clip->duration < 0) clip->duration = 0;
    if (clip->size < -1) clip->size = -1;
    if (clip->bit_rate < 0) clip->bit_rate = 0;
    if (clip->total_frames < 0) clip->total_frames = 0;
}

static bool good_forensic(const struct desy_clip *clip)
{
    for (int k = 0; k < clip->frames; k++)
        for (int i = 0; i < DESY_FORENSIC_DIMS; i++)
            if (!isfinite(clip->forensic[k][i])) return false;
    return true;
}

bool desy_clip_copy(struct desy_clip *copy, const struct desy_clip *shared, const struct desy_clip_request *request)
{
    memcpy(copy, shared, offsetof(struct desy_clip, audio));
    clean_text(copy->reason, sizeof copy->reason);
    clean_text(copy->codec, sizeof copy->codec);
    clean_text(copy->container, sizeof copy->container);
    clean_text(copy->muxer, sizeof copy->muxer);
    clean_text(copy->pixel_format, sizeof copy->pixel_format);
    copy->has_sound = copy->has_sound != 0, copy->cut = copy->cut != 0, copy->damaged = copy->damaged != 0;
    if (copy->status != DESY_STATUS_OK) {
        calm_failed(copy);
        return copy->status == DESY_STATUS_UNREADABLE || copy->status == DESY_STATUS_NO_VIDEO || copy->status == DESY_STATUS_TOO_SHORT;
    }
    if (!good_numbers(copy, request)) return false;
    memcpy(copy->audio, shared->audio, (size_t)copy->audio_samples * sizeof *copy->audio);
    if (request->crops) memcpy(copy->crops, shared->crops, sizeof copy->crops);
    memcpy(copy->rgb, shared->rgb, (size_t)copy->frames * sizeof *copy->rgb);
    memcpy(copy->forensic, shared->forensic, (size_t)copy->frames * sizeof *copy->forensic);
    return !request->forensic || good_forensic(copy);
}
