#include "features/clip.h"

#include "base/error.h"

#include <string.h>

static const char *const names[] = {
    [DESY_STATUS_OK] = "ok",
    [DESY_STATUS_UNREADABLE] = "unreadable",
    [DESY_STATUS_NO_VIDEO] = "no_video",
    [DESY_STATUS_TOO_SHORT] = "too_short",
    [DESY_STATUS_TIMEOUT] = "timeout",
    [DESY_STATUS_CRASHED] = "crashed",
};

const char *desy_status_name(enum desy_status status)
{
    return names[status];
}

int desy_status_parse(enum desy_status *status, const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *status = (enum desy_status)i;
            return DESY_OK;
        }
    }
    return desy_error(DESY_EDATA, "%s: no such status", name);
}

void desy_clip_request_paths(struct desy_clip_request *request, const char *path, const char *audio_path)
{
    /* A path that is cut names another file, or other bytes of it. */
    request->path_too_long = strlen(path) >= sizeof request->path || strlen(audio_path) >= sizeof request->audio_path;
    strcpy(request->path, request->path_too_long ? "" : path);
    strcpy(request->audio_path, request->path_too_long ? "" : audio_path);
}

bool desy_clip_is_last(const struct desy_clip *clip)
{
    return clip->status != DESY_STATUS_OK || clip->window + 1 >= clip->windows;
}
