/* Logs: human lines to stderr, and the same as JSON Lines to one file a rank. Data never goes here, only to stdout. */
#ifndef DESY_BASE_LOG_H
#define DESY_BASE_LOG_H

#include "desy.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sets who is speaking. Until then: rank 0 of 1, not quiet, no file. `directory` NULL: no file; else
 * DIRECTORY/log-RRRRR.jsonl is appended to (the directory is made). Not thread-safe; call once at start. */
int desy_log_open(const char *directory, int rank, int ranks, bool quiet);
void desy_log_close(void);

/* One line, without a trailing newline. stderr shows INFO of rank 0 alone and not when quiet, warnings and errors of any
 * rank (with its number if there are several); the file gets everything: {"time","rank","level","message"}.
 * Thread-safe. */
void desy_log(enum desy_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For a library's host: where this thread's lines go in place of all that; write NULL: nowhere. */
struct desy_log_sink {
    void (*write)(void *context, enum desy_log_level level, const char *message);
    void *context;
};
/* From now on, on this thread; NULL: as before. Borrowed. Returns the one that was there. */
const struct desy_log_sink *desy_log_divert(const struct desy_log_sink *sink);

#define desy_log_info(...) desy_log(DESY_LOG_INFO, __VA_ARGS__)
#define desy_log_warning(...) desy_log(DESY_LOG_WARNING, __VA_ARGS__)
#define desy_log_error(...) desy_log(DESY_LOG_ERROR, __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
