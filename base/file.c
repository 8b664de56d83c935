#include "base/file.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

char *desy_format(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0) text = NULL;
    va_end(arguments);
    return text;
}

const char *desy_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *desy_path_join(const char *directory, const char *name)
{
    if (!directory || !*directory || *name == '/') return strdup(name);
    size_t length = strlen(directory);
    return desy_format(directory[length - 1] == '/' ? "%s%s" : "%s/%s", directory, name);
}

char *desy_path_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

bool desy_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool desy_is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int desy_make_directory(const char *path)
{
    int rc = DESY_OK;
    char *partial = strdup(path);
    if (!partial) return desy_error_memory("a path");
    for (char *c = partial + 1; rc == DESY_OK; c++) {
        if (*c != '/' && *c != '\0') continue;
        char kept = *c;
        *c = '\0';
        if (mkdir(partial, 0777) != 0 && errno != EEXIST) rc = desy_error(DESY_EENV, "%s: cannot make the directory: %s", partial, strerror(errno));
        *c = kept;
        if (kept == '\0') break;
    }
    if (rc == DESY_OK && !desy_is_directory(path)) rc = desy_error(DESY_EENV, "%s: is there, but is no directory", path);
    free(partial);
    return rc;
}

int desy_file_read(char **data, size_t *size, const char *path)
{
    int rc = DESY_OK;
    char *buffer = NULL;
    size_t used = 0, room = 0;
    FILE *stream = fopen(path, "rb");
    if (!stream) return desy_error(DESY_EDATA, "%s: %s", path, strerror(errno));
    for (;;) {
        if (used + 1 >= room) {
            room = room ? 2 * room : 65536;
            char *larger = realloc(buffer, room);
            if (!larger) {
                rc = desy_error_memory(path);
                break;
            }
            buffer = larger;
        }
        size_t got = fread(buffer + used, 1, room - 1 - used, stream);
        used += got;
        if (got > 0) continue;
        if (ferror(stream)) rc = desy_error(DESY_EDATA, "%s: %s", path, strerror(errno));
        break;
    }
    fclose(stream);
    if (rc != DESY_OK) {
        free(buffer);
        return rc;
    }
    buffer[used] = '\0';
    *data = buffer;
    *size = used;
    return DESY_OK;
}

void desy_file_stamp(const char *path, int64_t *size, int64_t *mtime_ns)
{
    struct stat status;
    *size = *mtime_ns = -1;
    if (stat(path, &status) != 0) return;
    *size = status.st_size;
    *mtime_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
}

static int fsync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) return -1;
    /* Some file systems cannot sync a directory (EINVAL): nothing is to be done about it. */
    int failed = fsync(fd) != 0 && errno != EINVAL && errno != EROFS;
    int kept = errno;
    close(fd);
    errno = kept;
    return failed ? -1 : 0;
}

int desy_sync_directory_of(const char *path)
{
    char *directory = desy_path_directory(path);
    if (!directory) return desy_error_memory("a path");
    int rc = fsync_path(directory, O_RDONLY | O_DIRECTORY) == 0 ? DESY_OK : desy_error(DESY_EENV, "%s: cannot be made durable: %s", directory, strerror(errno));
    free(directory);
    return rc;
}

int desy_rename_durable(const char *temporary, const char *path)
{
    if (fsync_path(temporary, O_RDONLY) != 0 || rename(temporary, path) != 0)
        return desy_error(DESY_EENV, "%s: cannot be put in place: %s", path, strerror(errno));
    return desy_sync_directory_of(path);
}

char *desy_temporary_name(const char *path)
{
    uint64_t random = 0;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (getrandom(&random, sizeof random, 0) != sizeof random) random = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    return desy_format("%s.tmp.%d.%016llx", path, (int)getpid(), (unsigned long long)random);
}

int desy_atomic_open(struct desy_atomic_file *file, const char *path)
{
    *file = (struct desy_atomic_file){.path = strdup(path), .temporary = desy_temporary_name(path)};
    if (!file->path || !file->temporary) {
        desy_atomic_abort(file);
        return desy_error_memory("a path");
    }
    file->stream = fopen(file->temporary, "wbxe");
    if (file->stream) return DESY_OK;
    int rc = desy_error(DESY_EENV, "%s: cannot be written: %s", path, strerror(errno));
    desy_atomic_abort(file);
    return rc;
}

/* Puts a temporary in place where nothing is. link() does it in one step, over NFS too; file systems without links get a rename, one that
 * replaces nothing where there is such a thing. */
static int link_durable(const char *temporary, const char *path)
{
    if (fsync_path(temporary, O_RDONLY) != 0) return desy_error(DESY_EENV, "%s: cannot be put in place: %s", path, strerror(errno));
    if (link(temporary, path) != 0 && errno != EEXIST && renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) != 0 && errno != EEXIST)
        return desy_rename_durable(temporary, path);
    unlink(temporary);
    return desy_sync_directory_of(path);
}

static int commit(struct desy_atomic_file *file, int (*place)(const char *temporary, const char *path))
{
    int rc = DESY_OK, failed = fflush(file->stream) != 0 || ferror(file->stream);
    int reason = failed && errno == 0 ? EIO : errno;
    if (fclose(file->stream) != 0 && !failed) failed = 1, reason = errno;
    file->stream = NULL;
    if (failed) rc = desy_error(DESY_EENV, "%s: cannot be written: %s", file->path, strerror(reason));
    else rc = place(file->temporary, file->path);
    if (rc == DESY_OK) {
        free(file->temporary);
        file->temporary = NULL;
    }
    desy_atomic_abort(file);
    return rc;
}

int desy_atomic_commit(struct desy_atomic_file *file)
{
    return commit(file, desy_rename_durable);
}

int desy_atomic_commit_first(struct desy_atomic_file *file)
{
    return commit(file, link_durable);
}

void desy_atomic_abort(struct desy_atomic_file *file)
{
    if (file->stream) fclose(file->stream);
    if (file->temporary) unlink(file->temporary);
    free(file->temporary);
    free(file->path);
    *file = (struct desy_atomic_file){0};
}

int desy_file_write_atomic(const char *path, const void *data, size_t size)
{
    struct desy_atomic_file file;
    int rc = desy_atomic_open(&file, path);
    if (rc != DESY_OK) return rc;
    fwrite(data, 1, size, file.stream); /* commit looks at ferror */
    return desy_atomic_commit(&file);
}
