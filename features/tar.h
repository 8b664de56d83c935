/* Tar shards: which members a plain tar has and where their bytes lie, so that they are read in place, never unpacked. Shards are hostile: a
 * size is believed only within the file, headers are counted, and what is found before damage is kept.
 *
 * Formats: POSIX.1-1988 (ustar) and POSIX.1-2001 (pax: path and size), GNU (long names, sizes in base 256), and v7. Written here since libarchive,
 * which reads all of them, gives a member's bytes but not where they lie, and takes names through the locale. */
#ifndef DESY_FEATURES_TAR_H
#define DESY_FEATURES_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct desy_tar_member {
    const char *name;       /* without "./" before it */
    int64_t offset, bytes;  /* of its data in the shard; may reach beyond the shard's end (it was cut) */
    const char *unreadable; /* what it is that has no bytes of its own in one piece ("a link"), else NULL */
};

typedef struct desy_tar desy_tar;

/* Does it end in .tar (*compressed false), or as compressed tars do (.tar.gz, .tgz, .tar.zst, ...: true)? */
bool desy_tar_is_name(const char *path, size_t length, bool *compressed);

/* Reads the headers. DESY_EDATA, a message without the path: no tar at all, or a compressed one; DESY_EENV: memory. */
int desy_tar_open(desy_tar **tar, const char *path);
/* Members that are files or stand for files, in the order of the shard: no directories. Borrowed until close. */
size_t desy_tar_count(const desy_tar *tar);
const struct desy_tar_member *desy_tar_at(const desy_tar *tar, size_t index);
/* The last member of this name, as unpacking would leave it; "./" before it does not matter. NULL: none. */
const struct desy_tar_member *desy_tar_find(const desy_tar *tar, const char *name);
/* Where and why the headers end too early ("byte 1024: ..."), or "". */
const char *desy_tar_damage(const desy_tar *tar);
void desy_tar_close(desy_tar **tar);

#endif
