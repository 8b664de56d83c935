#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char message[2048];

int desy_error(int code, const char *format, ...)
{
    /* Formatted aside first: the old message may be one of the arguments. */
    char formatted[sizeof message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(formatted, sizeof formatted, format, arguments);
    va_end(arguments);
    __builtin_memcpy(message, formatted, sizeof message);
    return code;
}

const char *desy_error_message(void)
{
    return message;
}

int desy_error_memory(const char *what)
{
    return desy_error(DESY_EENV, "out of memory for %s", what);
}
