/* Files: whole-file reads, and writes that appear under their final name complete or not at all. */
#ifndef DESY_BASE_FILE_H
#define DESY_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* "a" + "b" -> "a/b"; `name` alone if it is absolute or `directory` is "" or NULL. New string, caller frees; NULL: no memory. */
char *desy_path_join(const char *directory, const char *name);
/* What follows the last slash. Borrowed. */
const char *desy_base_name(const char *path);

/* printf into a new string; caller frees; NULL: no memory. */
char *desy_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The directory part of `path` ("." if none). New string, caller frees. */
char *desy_path_directory(const char *path);

bool desy_file_exists(const char *path);
bool desy_is_directory(const char *path);

/* mkdir -p. DESY_EENV with the reason. Safe when several processes do it at once. */
int desy_make_directory(const char *path);

/* Reads a whole file; `*data` gets a NUL after `*size` bytes; caller frees. DESY_EDATA if missing or a directory. */
int desy_file_read(char **data, size_t *size, const char *path);

/* size and mtime (ns since the epoch) by stat; both -1 if it can't be had (never an error). */
void desy_file_stamp(const char *path, int64_t *size, int64_t *mtime_ns);

/* A name beside `path` that no other process uses, on this host or another: PATH.tmp.PID.RANDOM. New string, caller frees; NULL: no memory. */
char *desy_temporary_name(const char *path);

/* An atomic file: written under a temporary name, then fsync, rename, fsync of the directory. Errors: DESY_EENV, the message
 * names path and reason (a full disk is said so). Use: open, write by *stream, then commit or abort (either frees). */
struct desy_atomic_file {
    FILE *stream;
    char *path, *temporary;
};
int desy_atomic_open(struct desy_atomic_file *file, const char *path);
int desy_atomic_commit(struct desy_atomic_file *file); /* on failure the temporary is removed */
/* The same, but a file that another process put there meanwhile stays, and that is no error: look which one it is. */
int desy_atomic_commit_first(struct desy_atomic_file *file);
void desy_atomic_abort(struct desy_atomic_file *file); /* safe on a zeroed, committed or aborted file */

/* The whole of it in one step. */
int desy_file_write_atomic(const char *path, const void *data, size_t size);

/* fsync(file), rename, fsync(directory): for files that a library wrote under a temporary name. */
int desy_rename_durable(const char *temporary, const char *path);
/* After something was removed: fsync of the directory that `path` lies in. */
int desy_sync_directory_of(const char *path);

#endif
