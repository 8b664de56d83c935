#include "serve/spool.h"

#include "base/error.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "desy-serve-"
#define LOCK "in-use"

static void remove_directory(const char *directory)
{
    DIR *listing = opendir(directory);
    const struct dirent *entry;
    while (listing && (entry = readdir(listing))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) unlinkat(dirfd(listing), entry->d_name, 0);
    }
    if (listing) closedir(listing);
    rmdir(directory);
}

/* A directory of ours whose lock nobody holds belongs to a service that was killed. */
static void sweep(const char *parent)
{
    DIR *listing = opendir(parent);
    const struct dirent *entry;
    while (listing && (entry = readdir(listing))) {
        struct stat status;
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0) continue;
        if (fstatat(dirfd(listing), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != geteuid()) continue;
        char *directory = desy_path_join(parent, entry->d_name), *path = directory ? desy_path_join(directory, LOCK) : NULL;
        const int lock = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
        if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0) remove_directory(directory);
        if (lock >= 0) close(lock);
        free(path);
        free(directory);
    }
    if (listing) closedir(listing);
}

int desy_spool_open(struct desy_spool *spool, const char *parent)
{
    const char *temporary = getenv("TMPDIR");
    if (!parent) parent = temporary && *temporary ? temporary : "/tmp";
    *spool = (struct desy_spool){.lock = -1};
    sweep(parent);
    char *path = NULL, *making = NULL;
    spool->directory = desy_path_join(parent, PREFIX "XXXXXX");
    int rc = spool->directory ? DESY_OK : desy_error_memory("the directory of uploads");
    if (rc == DESY_OK && !mkdtemp(spool->directory)) {
        rc = desy_error(DESY_EENV, "%s: no directory for uploads can be made there: %s; name another by --spool", parent, strerror(errno));
        free(spool->directory);
        spool->directory = NULL;
    }
    if (rc == DESY_OK && !((path = desy_path_join(spool->directory, LOCK)) && (making = desy_path_join(spool->directory, LOCK ".new")))) rc = desy_error_memory("the directory of uploads");
    if (rc == DESY_OK) spool->lock = open(making, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    /* It gets its name once it is locked: another service that starts now would take it for that of one that was killed. */
    if (rc == DESY_OK && (spool->lock < 0 || flock(spool->lock, LOCK_EX | LOCK_NB) != 0 || rename(making, path) != 0)) rc = desy_error(DESY_EENV, "%s: can't be locked: %s", path, strerror(errno));
    free(making);
    free(path);
    if (rc != DESY_OK) desy_spool_close(spool);
    return rc;
}

int desy_spool_create(const struct desy_spool *spool, char **path, int *descriptor)
{
    *path = desy_path_join(spool->directory, "upload-XXXXXX");
    if (!*path) return desy_error_memory("the name of an upload");
    *descriptor = mkostemp(*path, O_CLOEXEC); /* 0600 */
    if (*descriptor >= 0) return DESY_OK;
    const int rc = desy_error(DESY_EENV, "%s: no file can be made there: %s", spool->directory, strerror(errno));
    free(*path);
    *path = NULL;
    return rc;
}

void desy_spool_close(struct desy_spool *spool)
{
    if (spool->directory) remove_directory(spool->directory);
    if (spool->lock >= 0) close(spool->lock);
    free(spool->directory);
    *spool = (struct desy_spool){.lock = -1};
}
