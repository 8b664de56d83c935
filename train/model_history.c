#include "train/model_history.h"

#include "base/error.h"
#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define MOST_WAITS 500 /* of 10 ms: whoever holds the lock writes two small files; one that was stopped must not stop all others */

bool desy_is_version(const char *name)
{
    return name[0] == 'v' && strlen(name) == DESY_VERSION_NAME - 1 && isdigit((unsigned char)name[1]) && isdigit((unsigned char)name[2]) && isdigit((unsigned char)name[3]) &&
           isdigit((unsigned char)name[4]);
}

/* -1: there is no lock; on it goes without. */
static int lock(const char *save_dir)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    const int fd = open(save_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && i < MOST_WAITS && flock(fd, LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || errno == EINTR); i++) nanosleep(&pause, NULL);
    return fd;
}

static void unlock(int fd)
{
    if (fd >= 0) close(fd);
}

/* "" if there is no such file. New. */
static int read_text(char **text, const char *save_dir, const char *file)
{
    size_t size;
    char *path = desy_path_join(save_dir, file);
    int rc = path ? DESY_OK : desy_error_memory("a path");
    *text = NULL;
    if (rc == DESY_OK && desy_file_exists(path)) rc = desy_file_read(text, &size, path);
    else if (rc == DESY_OK && !(*text = strdup(""))) rc = desy_error_memory("a text");
    free(path);
    return rc;
}

static int write_text(const char *save_dir, const char *file, const char *text)
{
    char *path = desy_path_join(save_dir, file);
    int rc = path ? desy_file_write_atomic(path, text, strlen(text)) : desy_error_memory("a path");
    free(path);
    return rc;
}

static int write_current(const char *save_dir, const char *name)
{
    char *text = desy_format("%s\n", name);
    int rc = text ? write_text(save_dir, "current", text) : desy_error_memory("a text");
    free(text);
    return rc;
}

int desy_history_current(char name[DESY_VERSION_NAME], const char *save_dir)
{
    char *text = NULL;
    int rc = read_text(&text, save_dir, "current");
    name[0] = '\0';
    if (rc == DESY_EDATA) rc = DESY_OK; /* whoever opens the model tells what is wrong with it */
    else if (rc == DESY_OK) {
        text[strcspn(text, "\r\n")] = '\0';
        if (desy_is_version(text)) strcpy(name, text);
    }
    free(text);
    return rc;
}

/* Cuts the last line off, into `line`; false: there is none. A line that is no version's name is "". */
static bool cut_last_line(char *text, char line[DESY_VERSION_NAME])
{
    size_t end = strlen(text), begin;
    while (end > 0 && isspace((unsigned char)text[end - 1])) end--;
    text[end] = '\0';
    for (begin = end; begin > 0 && text[begin - 1] != '\n'; begin--) continue;
    line[0] = '\0';
    if (desy_is_version(text + begin)) strcpy(line, text + begin);
    text[begin] = '\0';
    return end > 0;
}

static bool is_there(const char *save_dir, const char *name)
{
    char *path = desy_format("%s/%s/model.json", save_dir, name);
    const bool there = path && desy_file_exists(path);
    free(path);
    return there;
}

/* Cuts off `history` what is gone, or in use, and the version before it. */
static void cut_previous(char name[DESY_VERSION_NAME], const char *save_dir, const char *current, char *history)
{
    while (cut_last_line(history, name))
        if (*name && strcmp(name, current) != 0 && is_there(save_dir, name)) return;
    name[0] = '\0';
}

int desy_history_use(const char *save_dir, const char *name)
{
    char before[DESY_VERSION_NAME], last[DESY_VERSION_NAME] = "", *history = NULL, *longer = NULL;
    const int fd = lock(save_dir);
    int rc;
    DESY_TRY(desy_history_current(before, save_dir));
    if (*before && strcmp(before, name) != 0) {
        DESY_TRY(read_text(&history, save_dir, "history"));
        longer = desy_format("%s%s%s\n", history, *history && history[strlen(history) - 1] != '\n' ? "\n" : "", before);
        if (!longer) DESY_TRY(desy_error_memory("a text"));
        cut_last_line(history, last); /* a crash after this file and before `current` has left the line already */
        if (strcmp(last, before) != 0) DESY_TRY(write_text(save_dir, "history", longer));
    }
    rc = write_current(save_dir, name);
out:
    unlock(fd);
    free(history);
    free(longer);
    return rc;
}

int desy_history_previous(char name[DESY_VERSION_NAME], const char *save_dir)
{
    char current[DESY_VERSION_NAME], *history = NULL;
    int rc;
    name[0] = '\0';
    DESY_TRY(desy_history_current(current, save_dir));
    DESY_TRY(read_text(&history, save_dir, "history"));
    cut_previous(name, save_dir, current, history);
out:
    free(history);
    return rc;
}

int desy_history_step_back(const char *save_dir, const char *expected)
{
    char current[DESY_VERSION_NAME], previous[DESY_VERSION_NAME], *history = NULL;
    const int fd = lock(save_dir);
    int rc;
    DESY_TRY(desy_history_current(current, save_dir));
    DESY_TRY(read_text(&history, save_dir, "history"));
    cut_previous(previous, save_dir, current, history);
    if (strcmp(previous, expected) != 0) DESY_TRY(desy_error(DESY_EENV, "%s: another process has just changed which version is in use: look again (desy models list --save-dir %s)", save_dir, save_dir));
    DESY_TRY(write_current(save_dir, expected));
    rc = write_text(save_dir, "history", history); /* a crash before it leaves a line that names the version in use, which the next one skips */
out:
    unlock(fd);
    free(history);
    return rc;
}
