/* Layouts: POSIX pax (IEEE Std 1003.1, "ustar Interchange Format", "pax Header Block"), and GNU tar's manual, "Basic Tar Format". */
#include "features/tar_header.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 512
#define LONGEST_RECORDS (1 << 20)

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
    char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

enum { SPARSE_MORE = 482, SPARSE_MORE_NEXT = 504 }; /* where GNU says that a sparse map goes on in another block */

/* What records before a header say of it. */
struct extension {
    const char *name; /* NULL: nothing */
    int64_t bytes;    /* -1: nothing */
    bool sparse;
};

static bool fail(struct desy_tar_reader *reader, const char *why)
{
    reader->damage = why;
    return false;
}

static bool read_at(struct desy_tar_reader *reader, void *out, int64_t bytes, int64_t at)
{
    for (int64_t done = 0; done < bytes;) {
        ssize_t got = pread(reader->fd, (char *)out + done, (size_t)(bytes - done), at + done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(reader, "can't be read");
        if (got == 0) return fail(reader, "it ends in the middle of a header");
        done += got;
    }
    return true;
}

/* Octal digits, or, with the top bit of the first byte set, the rest of it in base 256. -1: neither, or too large. */
static int64_t number(const char *field, size_t length)
{
    const unsigned char *byte = (const unsigned char *)field, *end = byte + length;
    int64_t value = 0;
    if (*byte & 0x80) {
        value = *byte++ & 0x7f; /* a negative one begins with 0xff, and is too large for 11 bytes more */
        for (; byte < end; byte++) {
            if (value > INT64_MAX >> 8) return -1;
            value = value << 8 | *byte;
        }
        return value;
    }
    while (byte < end && *byte == ' ') byte++;
    for (; byte < end && *byte >= '0' && *byte <= '7'; byte++) {
        if (value > INT64_MAX >> 3) return -1;
        value = value << 3 | (*byte - '0');
    }
    return byte == end || *byte == ' ' || *byte == '\0' ? value : -1;
}

/* The sum of all bytes, those of the checksum as spaces; old programs took them as signed. */
static bool sound(const struct header *header)
{
    const unsigned char *bytes = (const unsigned char *)header;
    const size_t first = offsetof(struct header, checksum), end = first + sizeof header->checksum;
    int64_t plain = 0, with_sign = 0, told = number(header->checksum, sizeof header->checksum);
    for (size_t i = 0; i < BLOCK; i++) {
        unsigned char byte = i >= first && i < end ? ' ' : bytes[i];
        plain += byte;
        with_sign += (signed char)byte;
    }
    return told == plain || told == with_sign;
}

/* The next header that is one: false at the end of the tar, too. */
static bool read_header(struct desy_tar_reader *reader, struct header *header)
{
    static const char nothing[BLOCK];
    if (reader->left-- <= 0) return fail(reader, "more headers than are believed");
    if (reader->at >= reader->size) return fail(reader, reader->at ? "it ends without the mark of its end" : "it is empty");
    if (!read_at(reader, header, BLOCK, reader->at)) return false;
    if (memcmp(header, nothing, BLOCK) == 0) return false;
    return sound(header) || fail(reader, "a damaged header (its checksum is wrong)");
}

/* *out (new, in place of what it held) gets the bytes after a header, and a NUL. */
static bool read_data(struct desy_tar_reader *reader, char **out, int64_t bytes)
{
    free(*out);
    *out = NULL;
    if (bytes > LONGEST_RECORDS) return fail(reader, "a name or extended header that is too long");
    if (bytes > reader->size - reader->at - BLOCK) return fail(reader, "it ends in the middle of a header");
    *out = malloc((size_t)bytes + 1);
    if (!*out) return fail(reader, "no memory for a name");
    (*out)[bytes] = '\0';
    return read_at(reader, *out, bytes, reader->at + BLOCK);
}

/* One "LENGTH KEY=VALUE\n"; returns what follows it, NULL if it is none. Ends the value by a NUL. */
static char *read_record(struct extension *extension, char *record, const char *end)
{
    char *key;
    errno = 0;
    long length = strtol(record, &key, 10);
    if (*record < '0' || *record > '9' || errno || *key != ' ' || length > end - record || length < key - record + 2) return NULL;
    char *next = record + length, *value = memchr(key + 1, '=', (size_t)(next - key - 1));
    if (!value || next[-1] != '\n') return NULL;
    key++;
    *value++ = '\0';
    next[-1] = '\0';
    bool whole = strlen(value) == (size_t)(next - 1 - value);
    if (strcmp(key, "path") == 0 || strcmp(key, "GNU.sparse.name") == 0) {
        if (!whole) return NULL;
        if (!extension->sparse || key[0] == 'G') extension->name = value;
    }
    if (strncmp(key, "GNU.sparse.", 11) == 0) extension->sparse = true;
    if (strcmp(key, "size") == 0) {
        char *last;
        errno = 0;
        extension->bytes = strtoll(value, &last, 10);
        if (*value < '0' || *value > '9' || errno || *last || !whole) return NULL;
    }
    return next;
}

/* The extension's name lies in *records. */
static bool read_extended(struct desy_tar_reader *reader, struct extension *extension, char **records, int64_t bytes)
{
    *extension = (struct extension){.bytes = -1};
    if (!read_data(reader, records, bytes)) return false;
    for (char *record = *records, *end = record + bytes; record < end && *record;)
        if (!(record = read_record(extension, record, end))) return fail(reader, "a damaged extended header");
    return true;
}

/* A header of all that follow: comments and times are none of ours, names and sizes would be. */
static bool read_global(struct desy_tar_reader *reader, int64_t bytes)
{
    struct extension all;
    char *records = NULL;
    bool read = read_extended(reader, &all, &records, bytes);
    free(records);
    return read && ((!all.name && all.bytes < 0 && !all.sparse) || fail(reader, "a global header with a name or a size"));
}

/* Past the blocks in which a sparse map goes on. */
static bool skip_sparse_map(struct desy_tar_reader *reader, const struct header *header)
{
    unsigned char block[BLOCK];
    bool more = ((const unsigned char *)header)[SPARSE_MORE];
    for (; more; more = block[SPARSE_MORE_NEXT]) {
        if (reader->left-- <= 0) return fail(reader, "more headers than are believed");
        reader->at += BLOCK;
        if (!read_at(reader, block, BLOCK, reader->at)) return false;
    }
    return true;
}

static void name_of(struct desy_tar_entry *entry, const struct header *header)
{
    size_t used = 0;
    if (memcmp(header->magic, "ustar", 6) == 0 && header->prefix[0]) { /* GNU's magic goes on with a space, and has no prefix */
        used = strnlen(header->prefix, sizeof header->prefix);
        memcpy(entry->short_name, header->prefix, used);
        entry->short_name[used++] = '/';
    }
    size_t length = strnlen(header->name, sizeof header->name);
    memcpy(entry->short_name + used, header->name, length);
    entry->short_name[used + length] = '\0';
    entry->name = entry->short_name;
}

/* Sorts of members. Links, devices and directories have no data, whatever their size says. */
static bool judge(struct desy_tar_reader *reader, struct desy_tar_entry *entry, const struct header *header, bool sparse)
{
    size_t length = strlen(entry->name);
    entry->file = true;
    entry->unreadable = sparse ? "a sparse file" : NULL;
    switch (header->type) {
    case '1':
    case '2':
        entry->unreadable = "a link";
        entry->bytes = 0;
        break;
    case '3':
    case '4':
    case '6':
        entry->unreadable = "a device or a pipe";
        entry->bytes = 0;
        break;
    case '5':
        entry->file = false;
        entry->bytes = 0;
        break;
    case 'S':
        entry->unreadable = "a sparse file";
        return skip_sparse_map(reader, header);
    case 'M':
        entry->unreadable = "the rest of a file from another volume";
        break;
    case 'D':
    case 'V':
        entry->file = false;
        break;
    case '\0': /* v7: a directory has a name that says so */
        entry->file = length == 0 || entry->name[length - 1] != '/';
        if (!entry->file) entry->bytes = 0;
        break;
    default:
        break;
    }
    return true;
}

/* The data lies after the block at reader->at; the next header after the data, in whole blocks. */
static bool place(struct desy_tar_reader *reader, struct desy_tar_entry *entry)
{
    entry->data = reader->at + BLOCK;
    if (entry->bytes > INT64_MAX - BLOCK - entry->data) return fail(reader, "a size that is none");
    reader->at = entry->data + (entry->bytes + BLOCK - 1) / BLOCK * BLOCK;
    return true;
}

bool desy_tar_next(struct desy_tar_reader *reader, struct desy_tar_entry *entry)
{
    struct header header;
    struct extension extension = {.bytes = -1};
    const char *long_name = NULL;
    if (reader->damage) return false;
    for (;;) {
        if (!read_header(reader, &header)) break;
        entry->bytes = number(header.size, sizeof header.size);
        if (entry->bytes < 0) return fail(reader, "a size that is none");
        if (header.type == 'x' || header.type == 'X') {
            if (!read_extended(reader, &extension, &reader->extended, entry->bytes)) return false;
        } else if (header.type == 'L') {
            if (!read_data(reader, &reader->name, entry->bytes)) return false;
            long_name = reader->name;
        } else if (header.type == 'g') {
            if (!read_global(reader, entry->bytes)) return false;
        } else if (header.type != 'K') {
            name_of(entry, &header);
            if (extension.bytes >= 0) entry->bytes = extension.bytes;
            if (long_name) entry->name = long_name;
            if (extension.name) entry->name = extension.name;
            return judge(reader, entry, &header, extension.sparse) && place(reader, entry);
        }
        if (!place(reader, entry)) return false;
    }
    if (!reader->damage && (extension.name || long_name || extension.bytes >= 0)) fail(reader, "it ends after an extended header");
    return false;
}

void desy_tar_reader_close(struct desy_tar_reader *reader)
{
    free(reader->name);
    free(reader->extended);
    reader->name = reader->extended = NULL;
}
