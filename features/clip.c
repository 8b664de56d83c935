#include "features/clip.h"

#include "base/error.h"

#include <string.h>

static const char *const names[] = {"ok", "unreadable", "no_video", "too_short", "timeout", "crashed"};

const char *desy_status_name(enum desy_status status)
{
    return names[status];
}

int desy_status_parse(enum desy_status *status, const char *name)
{
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(names[i], name) == 0) {
            *status = (enum desy_status)i;
            return DESY_OK;
        }
    return desy_error(DESY_EDATA, "'%s' is no status of a video", name);
}
