/* A range of bytes of a text file, read piece by piece: a rank's share of a file that no rank reads whole. */
#ifndef DESY_EVAL_TEXT_RANGE_H
#define DESY_EVAL_TEXT_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DESY_LONGEST_RECORD ((size_t)64 << 20) /* bytes */
#define DESY_TEXT_SLACK ((size_t)8)

struct desy_text_range {
    const char *path;    /* borrowed */
    int descriptor;
    uint64_t to;         /* records that begin before it belong to the range, and may end beyond */
    uint64_t offset;     /* in the file, of text[0] */
    char *text;          /* `used` bytes and DESY_TEXT_SLACK zeros */
    size_t used, room, at; /* at: what is before it has been dealt with */
    bool ended;          /* the file ends after text */
};

/* The size of a regular file. DESY_EDATA: there is none. */
int desy_text_size(const char *path, uint64_t *size);
/* How often the byte is in the range. DESY_EDATA: can't be read. */
int desy_text_count(const char *path, uint64_t from, uint64_t to, char byte, uint64_t *count);
/* The 1-based line of a place in the file; 0: can't be read. It reads all before: for messages. */
long desy_text_line(const char *path, uint64_t offset);

/* DESY_EDATA: can't be read; DESY_EENV: memory. */
int desy_text_open(struct desy_text_range *range, const char *path, uint64_t from, uint64_t to);
/* Reads on: drops what is before `at`, which becomes 0, and adds to the rest. DESY_EDATA: the rest is longer than a record may be, or can't be read. */
int desy_text_more(struct desy_text_range *range);
void desy_text_close(struct desy_text_range *range); /* all zeros: nothing to do */

#endif
