/* Errors: a code of desy.h is returned, a message is set once where the error arises and passed on untouched (desy_error_message). */
#ifndef DESY_BASE_ERROR_H
#define DESY_BASE_ERROR_H

#include "desy.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sets this thread's message (what failed, where, and what to do next) and returns `code`, so that
 * `return desy_error(DESY_EDATA, "...", ...)` reads as one step. Not collective. */
int desy_error(int code, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

/* Allocation failure, in words. Returns DESY_EENV. */
int desy_error_memory(const char *what);

/* rc = expression; leaves for `out:` unless it is 0. The function must have `int rc` and the label. */
#define DESY_TRY(expression)             \
    do {                                 \
        rc = (expression);               \
        if (rc != DESY_OK) goto out;     \
    } while (0)

#ifdef __cplusplus
}
#endif

#endif
