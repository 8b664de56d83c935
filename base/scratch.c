#include "base/scratch.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Without a name: whatever ends the process, nothing is left. -1, and errno: none. */
static int open_unnamed(const char *directory)
{
    const int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return fd;
    char *name = desy_path_join(directory, "scratch.XXXXXX"); /* file systems that know no such files */
    const int named = name ? mkostemp(name, O_CLOEXEC) : -1, error = errno;
    if (named >= 0) unlink(name);
    free(name);
    errno = error;
    return named;
}

static void *map_file(size_t bytes, const char *directory)
{
    const int fd = open_unnamed(directory);
    int error = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)bytes);
    void *data = error == 0 ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (error == 0 && data == MAP_FAILED) error = errno;
    if (fd >= 0) close(fd);
    if (data != MAP_FAILED) return data;
    desy_log_warning("%s: no scratch file of %zu MB (%s): memory is used instead; TMPDIR names another directory", directory, bytes >> 20, strerror(error));
    return NULL;
}

int desy_scratch_open(struct desy_scratch *scratch, size_t bytes, const char *directory)
{
    *scratch = (struct desy_scratch){.bytes = bytes};
    if (directory && bytes >= DESY_SCRATCH_LEAST) scratch->data = map_file(bytes, directory);
    scratch->is_file = scratch->data != NULL;
    if (!scratch->data) scratch->data = calloc(1, bytes + 1);
    return scratch->data ? DESY_OK : desy_error_memory("numbers of all clips");
}

void desy_scratch_close(struct desy_scratch *scratch)
{
    if (scratch->is_file) munmap(scratch->data, scratch->bytes);
    else free(scratch->data);
    memset(scratch, 0, sizeof *scratch);
}
