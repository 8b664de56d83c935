#include "features/libav_log.h"

#include <libavutil/log.h>
#include <limits.h>

static int errors;

static void count(void *context, int level, const char *format, va_list arguments)
{
    (void)context, (void)format, (void)arguments;
    if (level >= 0 && level <= AV_LOG_ERROR && errors < INT_MAX) errors++;
}

void desy_libav_log_count(void)
{
    av_log_set_callback(count);
}

int desy_libav_log_errors(void)
{
    int since = errors;
    errors = 0;
    return since;
}
