#include "eval/text_range.h"

#include "base/cpu.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)1 << 20)

static int unreadable(const char *path, const char *why) { return desy_error(DESY_EDATA, "%s: can't be read: %s", path, why); }

int desy_text_size(const char *path, uint64_t *size)
{
    struct stat about;
    if (stat(path, &about) != 0) return unreadable(path, strerror(errno));
    if (!S_ISREG(about.st_mode)) return unreadable(path, "it is no regular file, parts of which could be read");
    *size = (uint64_t)about.st_size;
    return DESY_OK;
}

DESY_VECTOR_CLONES static uint64_t count_bytes(const char *text, size_t n, char byte)
{
    uint64_t count = 0;
    for (size_t i = 0; i < n; i++) count += text[i] == byte;
    return count;
}

int desy_text_open(struct desy_text_range *range, const char *path, uint64_t from, uint64_t to)
{
    *range = (struct desy_text_range){.path = path, .descriptor = open(path, O_RDONLY | O_CLOEXEC), .to = to, .offset = from};
    if (range->descriptor < 0) {
        desy_text_close(range);
        return unreadable(path, strerror(errno));
    }
    const int rc = desy_text_more(range);
    if (rc != DESY_OK) desy_text_close(range);
    return rc;
}

int desy_text_more(struct desy_text_range *range)
{
    const size_t left = range->used - range->at, wanted = left > PIECE ? left : PIECE; /* as much again, so that a long record is not looked at too often */
    if (left > DESY_LONGEST_RECORD)
        return desy_error(DESY_EDATA, "%s:%ld: a record of more than %zu MiB begins here: is a quote missing, or a line end?", range->path,
                          desy_text_line(range->path, range->offset + range->at), DESY_LONGEST_RECORD >> 20);
    if (left > 0) memmove(range->text, range->text + range->at, left);
    range->offset += range->at;
    range->used = left;
    range->at = 0;
    const size_t room = left + wanted + DESY_TEXT_SLACK;
    if (range->room < room) {
        char *text = realloc(range->text, room);
        if (!text) return desy_error_memory(range->path);
        range->text = text;
        range->room = room;
    }
    for (size_t end = left + wanted; range->used < end && !range->ended;) {
        const ssize_t got = pread(range->descriptor, range->text + range->used, end - range->used, (off_t)(range->offset + range->used));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return unreadable(range->path, strerror(errno));
        range->used += (size_t)got;
        range->ended = got == 0;
    }
    memset(range->text + range->used, 0, DESY_TEXT_SLACK);
    return DESY_OK;
}

int desy_text_count(const char *path, uint64_t from, uint64_t to, char byte, uint64_t *count)
{
    struct desy_text_range range;
    *count = 0;
    int rc = from < to ? desy_text_open(&range, path, from, to) : DESY_OK;
    if (rc != DESY_OK || from >= to) return rc;
    for (;;) {
        const uint64_t left = to - range.offset;
        *count += count_bytes(range.text, range.used < left ? range.used : (size_t)left, byte);
        if (range.ended || range.used >= left) break;
        range.at = range.used;
        DESY_TRY(desy_text_more(&range));
    }
out:
    desy_text_close(&range);
    return rc;
}

long desy_text_line(const char *path, uint64_t offset)
{
    uint64_t before;
    return desy_text_count(path, 0, offset, '\n', &before) == DESY_OK ? (long)before + 1 : 0;
}

void desy_text_close(struct desy_text_range *range)
{
    if (range->text || range->descriptor > 0) close(range->descriptor);
    free(range->text);
    *range = (struct desy_text_range){0};
}
