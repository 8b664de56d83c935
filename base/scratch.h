/* Room for numbers that may be more than memory has: a file without a name, mapped, whose pages the kernel writes out and drops as it needs memory for
 * others. Small ones are memory like any other, and so is what no file can be had for. */
#ifndef DESY_BASE_SCRATCH_H
#define DESY_BASE_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

#define DESY_SCRATCH_LEAST ((size_t)4 << 20) /* bytes: below, a file is not worth it */

struct desy_scratch {
    void *data; /* zeros at first */
    size_t bytes;
    bool is_file;
};

/* `directory`: where the file is, on a disk that has room; NULL: memory. Its blocks are taken at once, so that a disk that fills up later does no harm. Where that
 * fails a warning says why, and it is memory. DESY_EENV: there is neither. */
int desy_scratch_open(struct desy_scratch *scratch, size_t bytes, const char *directory);
void desy_scratch_close(struct desy_scratch *scratch); /* all zeros: nothing to do */

#endif
