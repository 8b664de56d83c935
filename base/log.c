#include "base/log.h"

#include "base/error.h"
#include "base/file.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *file;
static int speaker, speakers = 1;
static bool hush;
static _Thread_local const struct desy_log_sink *diverted;

int desy_log_open(const char *directory, int rank, int ranks, bool quiet)
{
    speaker = rank, speakers = ranks, hush = quiet;
    if (!directory) return DESY_OK;
    int rc = desy_make_directory(directory);
    if (rc != DESY_OK) return rc;
    char *path = desy_format("%s/log-%05d.jsonl", directory, rank);
    if (!path) return desy_error_memory("a path");
    file = fopen(path, "ae");
    if (!file) rc = desy_error(DESY_EENV, "%s: cannot be written: %s", path, strerror(errno));
    free(path);
    return rc;
}

void desy_log_close(void)
{
    if (file) fclose(file);
    file = NULL;
}

static void write_json(const char *level, const char *message)
{
    struct timespec now;
    struct tm utc;
    char stamp[64], whole[96];
    clock_gettime(CLOCK_REALTIME, &now);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &utc));
    snprintf(whole, sizeof whole, "%s.%03ldZ", stamp, now.tv_nsec / 1000000);
    cJSON *line = cJSON_CreateObject();
    cJSON_AddStringToObject(line, "time", whole);
    cJSON_AddNumberToObject(line, "rank", speaker);
    cJSON_AddStringToObject(line, "level", level);
    cJSON_AddStringToObject(line, "message", message);
    char *text = cJSON_PrintUnformatted(line);
    if (text) {
        fprintf(file, "%s\n", text);
        fflush(file);
    }
    free(text);
    cJSON_Delete(line);
}

void desy_log(enum desy_log_level level, const char *format, ...)
{
    static const char *const names[] = {"info", "warning", "error"};
    static const char *const prefixes[] = {"", "warning: ", "error: "};
    char message[2304];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (diverted) {
        if (diverted->write) diverted->write(diverted->context, level, message);
        return;
    }
    pthread_mutex_lock(&lock);
    if (level != DESY_LOG_INFO || (speaker == 0 && !hush)) {
        if (speakers > 1 && level != DESY_LOG_INFO && speaker != 0) fprintf(stderr, "desy[%d]: %s%s\n", speaker, prefixes[level], message);
        else fprintf(stderr, "desy: %s%s\n", prefixes[level], message);
    }
    if (file) write_json(names[level], message);
    pthread_mutex_unlock(&lock);
}

const struct desy_log_sink *desy_log_divert(const struct desy_log_sink *sink)
{
    const struct desy_log_sink *before = diverted;
    diverted = sink;
    return before;
}
