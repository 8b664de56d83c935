#include "features/libav_log.h"

#include <libavutil/log.h>
#include <limits.h>

static int errors;

static void count(void *context, int level, const char *format, va_list arguments)
{
    (void)context, (void)format, (void)arguments;
    const int grave = level & 0xff; /* above are colours */
    if (level >= 0 && grave <= AV_LOG_ERROR && errors < INT_MAX) errors++;
}

void desy_libav_log_count(void)
{
    av_log_set_callback(count);
}

int desy_libav_log_errors(void)
{
    return errors;
}

void desy_libav_log_reset(int count)
{
    errors = count;
}
