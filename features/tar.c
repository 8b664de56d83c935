#include "features/tar.h"

#include "base/error.h"
#include "features/tar_header.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_HEADERS 4000000
#define MOST_NAME_BYTES (256u << 20) /* of all members */

struct desy_tar {
    struct desy_tar_member *members;
    size_t count, room;
    const struct desy_tar_member **by_name; /* by name, then by place */
    size_t name_bytes;
    char damage[160];
};

bool desy_tar_is_name(const char *path, size_t length, bool *compressed)
{
    static const char *const endings[] = {".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.lz4"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i]);
        *compressed = i > 0;
        if (length > n && strncasecmp(path + length - n, endings[i], n) == 0) return true;
    }
    return false;
}

static const char *without_dot(const char *name)
{
    while (name[0] == '.' && name[1] == '/') name += 2 + strspn(name + 2, "/");
    return name;
}

static int add_member(desy_tar *tar, const struct desy_tar_entry *entry)
{
    if (tar->count == tar->room) {
        size_t room = tar->room ? 2 * tar->room : 256;
        struct desy_tar_member *larger = realloc(tar->members, room * sizeof *larger);
        if (!larger) return desy_error_memory("the members of a tar");
        tar->members = larger, tar->room = room;
    }
    char *name = strdup(without_dot(entry->name));
    if (!name) return desy_error_memory("the members of a tar");
    tar->name_bytes += strlen(name) + sizeof *tar->members;
    tar->members[tar->count++] = (struct desy_tar_member){name, entry->data, entry->bytes, entry->unreadable};
    return DESY_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct desy_tar_member *x = *(const struct desy_tar_member *const *)a, *y = *(const struct desy_tar_member *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x > y) - (x < y);
}

static int sort_names(desy_tar *tar)
{
    tar->by_name = malloc((tar->count + 1) * sizeof *tar->by_name);
    if (!tar->by_name) return desy_error_memory("the members of a tar");
    for (size_t i = 0; i < tar->count; i++) tar->by_name[i] = &tar->members[i];
    qsort(tar->by_name, tar->count, sizeof *tar->by_name, by_name);
    return DESY_OK;
}

/* What stands at the start of a file that is no tar. */
static const char *compression(int fd)
{
    static const struct { const char *name, *magic; size_t length; } known[] = {
        {"gzip", "\x1f\x8b", 2}, {"zstd", "\x28\xb5\x2f\xfd", 4}, {"xz", "\xfd" "7zXZ", 5}, {"bzip2", "BZh", 3}, {"lz4", "\x04\x22\x4d\x18", 4}};
    char start[8] = "";
    if (pread(fd, start, sizeof start, 0) < (ssize_t)sizeof start) return NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (memcmp(start, known[i].magic, known[i].length) == 0) return known[i].name;
    return NULL;
}

static int read_members(desy_tar *tar, int fd, int64_t size)
{
    struct desy_tar_reader reader = {.fd = fd, .size = size, .left = MOST_HEADERS};
    struct desy_tar_entry entry = {0};
    int rc = DESY_OK;
    while (desy_tar_next(&reader, &entry)) {
        if (!entry.file) continue;
        DESY_TRY(add_member(tar, &entry));
        if (tar->name_bytes > MOST_NAME_BYTES) reader.damage = "more names than memory is given to";
        if (entry.bytes > size - entry.data) break; /* it was cut, and says so itself when it is read */
    }
    if (!reader.damage) goto out;
    const char *packed = reader.at == 0 ? compression(fd) : NULL;
    if (packed) DESY_TRY(desy_error(DESY_EDATA, "is compressed by %s; videos are read where they lie, and only a plain tar has such places: unpack it to a .tar", packed));
    if (reader.at == 0) DESY_TRY(desy_error(DESY_EDATA, "is no tar: %s", reader.damage));
    snprintf(tar->damage, sizeof tar->damage, "byte %" PRId64 ": %s", reader.at, reader.damage);
out:
    desy_tar_reader_close(&reader);
    return rc;
}

int desy_tar_open(desy_tar **out, const char *path)
{
    int rc;
    struct stat status;
    desy_tar *tar = *out = calloc(1, sizeof *tar);
    if (!tar) return desy_error_memory("a tar");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0) DESY_TRY(desy_error(DESY_EDATA, "can't be opened: %s", strerror(errno)));
    if (!S_ISREG(status.st_mode)) DESY_TRY(desy_error(DESY_EDATA, "is not a regular file"));
    DESY_TRY(read_members(tar, fd, status.st_size));
    DESY_TRY(sort_names(tar));
out:
    if (fd >= 0) close(fd);
    if (rc != DESY_OK) desy_tar_close(out);
    return rc;
}

size_t desy_tar_count(const desy_tar *tar)
{
    return tar->count;
}

const struct desy_tar_member *desy_tar_at(const desy_tar *tar, size_t index)
{
    return &tar->members[index];
}

const struct desy_tar_member *desy_tar_find(const desy_tar *tar, const char *name)
{
    size_t low = 0, high = tar->count; /* the first that is greater lies in [low, high] */
    name = without_dot(name);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(tar->by_name[middle]->name, name) <= 0) low = middle + 1;
        else high = middle;
    }
    return low > 0 && strcmp(tar->by_name[low - 1]->name, name) == 0 ? tar->by_name[low - 1] : NULL;
}

const char *desy_tar_damage(const desy_tar *tar)
{
    return tar->damage;
}

void desy_tar_close(desy_tar **tar)
{
    if (!*tar) return;
    for (size_t i = 0; i < (*tar)->count; i++) free((char *)(*tar)->members[i].name);
    free((*tar)->members);
    free((*tar)->by_name);
    free(*tar);
    *tar = NULL;
}
