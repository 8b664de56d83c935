/* The headers of a tar, one member after the other. Inside of tar.c; nobody else's. */
#ifndef DESY_FEATURES_TAR_HEADER_H
#define DESY_FEATURES_TAR_HEADER_H

#include <stdbool.h>
#include <stdint.h>

struct desy_tar_reader {
    int fd;
    int64_t size;       /* of the file */
    int64_t at;         /* the next header; where damage was found */
    int64_t left;       /* headers that may still be read */
    const char *damage; /* why the headers end here, NULL as long as all is well */
    char *name, *extended; /* names and records that were too long for a header */
};

struct desy_tar_entry {
    bool file;              /* not a directory, nor a record about others */
    const char *name;       /* borrowed until the next one */
    int64_t data, bytes;    /* bytes may reach beyond the file's end */
    const char *unreadable; /* "a link", "a sparse file", ...: no bytes of its own in one piece; else NULL */
    char short_name[257];
};

/* false: the end, or damage. */
bool desy_tar_next(struct desy_tar_reader *reader, struct desy_tar_entry *entry);
void desy_tar_reader_close(struct desy_tar_reader *reader); /* not the file */

#endif
