#include "features/video_location.h"

#include "base/error.h"
#include "features/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The shard that was used last. */
static struct {
    char file[4096];
    int64_t size, mtime_ns;
    ino_t inode;
    desy_tar *tar;
} last;

static int64_t mtime_of(const struct stat *status)
{
    return (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

static int open_shard(const desy_tar **tar, const char *file, const struct stat *status)
{
    bool same = last.tar && strcmp(last.file, file) == 0 && last.size == status->st_size && last.mtime_ns == mtime_of(status) && last.inode == status->st_ino;
    if (!same) {
        desy_tar_close(&last.tar);
        int rc = desy_tar_open(&last.tar, file);
        if (rc != DESY_OK) return rc;
        snprintf(last.file, sizeof last.file, "%s", file);
        last.size = status->st_size, last.mtime_ns = mtime_of(status), last.inode = status->st_ino;
    }
    *tar = last.tar;
    return DESY_OK;
}

/* Splits off the shard of a path: `file` gets it, and *rest points at what follows the '#' or '/'. */
static bool find_shard(char file[4096], struct stat *status, const char **rest, bool *compressed, const char *path)
{
    size_t length = strlen(path);
    if (length >= 4096) return false;
    for (size_t i = length; i-- > 0;) {
        if ((path[i] != '/' && path[i] != '#') || !desy_tar_is_name(path, i, compressed)) continue;
        memcpy(file, path, i);
        file[i] = '\0';
        *rest = path + i;
        if (stat(file, status) == 0 && S_ISREG(status->st_mode)) return true;
    }
    return false;
}

/* "#OFFSET+BYTES", digits and nothing else. */
static bool parse_part(struct desy_video_location *location, const char *text)
{
    char *plus, *end;
    if (*text++ != '#' || *text < '0' || *text > '9') return false;
    errno = 0;
    location->offset = strtoll(text, &plus, 10);
    if (*plus++ != '+' || *plus < '0' || *plus > '9') return false;
    location->bytes = strtoll(plus, &end, 10);
    return *end == '\0' && errno == 0;
}

static int find_member(struct desy_video_location *location, const char *name, const struct stat *status)
{
    const desy_tar *tar = NULL;
    int rc = open_shard(&tar, location->file, status);
    if (rc == DESY_EDATA) return desy_error(DESY_EDATA, "its shard %s", desy_error_message());
    if (rc != DESY_OK) return rc;
    const struct desy_tar_member *member = desy_tar_find(tar, name);
    if (!member && *desy_tar_damage(tar))
        return desy_error(DESY_EDATA, "its shard has no such member before it ends early (%s)", desy_tar_damage(tar));
    if (!member) return desy_error(DESY_EDATA, "its shard has no such member");
    if (member->unreadable) return desy_error(DESY_EDATA, "is %s in its shard: pack the file itself", member->unreadable);
    location->offset = member->offset;
    location->bytes = member->bytes;
    return DESY_OK;
}

int desy_video_locate(struct desy_video_location *location, const char *path)
{
    struct stat status;
    const char *rest = NULL;
    bool compressed = false;
    *location = (struct desy_video_location){0};
    snprintf(location->name, sizeof location->name, "%s", path);
    if (stat(path, &status) == 0) {
        snprintf(location->file, sizeof location->file, "%s", path);
        location->bytes = status.st_size;
        location->mtime_ns = mtime_of(&status);
        return DESY_OK;
    }
    int reason = errno;
    if (!find_shard(location->file, &status, &rest, &compressed, path)) return desy_error(DESY_EDATA, "can't be opened: %s", strerror(reason));
    if (compressed) return desy_error(DESY_EDATA, "its shard is compressed; videos are read where they lie, and only a plain .tar has such places");
    location->mtime_ns = mtime_of(&status);
    if (parse_part(location, rest)) return DESY_OK;
    if (*rest == '#') return desy_error(DESY_EDATA, "a part of a shard is named shard.tar#OFFSET+BYTES, or shard.tar/MEMBER");
    snprintf(location->name, sizeof location->name, "%s", rest + 1);
    return find_member(location, rest + 1, &status);
}

int desy_video_location_open(int *fd, const struct desy_video_location *location)
{
    int rc = DESY_OK;
    struct stat status;
    *fd = open(location->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a pipe could block, or never end */
    if (*fd < 0 || fstat(*fd, &status) != 0) DESY_TRY(desy_error(DESY_EDATA, "can't be opened: %s", strerror(errno)));
    if (S_ISDIR(status.st_mode)) DESY_TRY(desy_error(DESY_EDATA, "is a directory"));
    if (!S_ISREG(status.st_mode)) DESY_TRY(desy_error(DESY_EDATA, "is not a regular file"));
    if (location->bytes == 0) DESY_TRY(desy_error(DESY_EDATA, "is an empty file"));
    if (location->offset > status.st_size || location->bytes > status.st_size - location->offset)
        DESY_TRY(desy_error(DESY_EDATA, "is cut off: its shard has %" PRId64 " bytes, and it takes %" PRId64 " from byte %" PRId64 " on", (int64_t)status.st_size,
                            location->bytes, location->offset));
out:
    if (rc != DESY_OK && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return rc;
}

void desy_video_stamp(const char *path, int64_t *size, int64_t *mtime_ns)
{
    struct stat status;
    char file[4096];
    const char *rest;
    bool compressed;
    *size = *mtime_ns = -1;
    if (stat(path, &status) != 0 && !find_shard(file, &status, &rest, &compressed, path)) return;
    *size = status.st_size;
    *mtime_ns = mtime_of(&status);
}
