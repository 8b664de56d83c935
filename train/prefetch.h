/* Inside train/loader.c: a thread that fills slots ahead of the one that uses them. */
#ifndef DESY_TRAIN_PREFETCH_H
#define DESY_TRAIN_PREFETCH_H

#include <stddef.h>

typedef struct desy_prefetch desy_prefetch;

enum { DESY_PREFETCH_SLOTS = 4 }; /* one in use, three ahead */

/* Fills slot `slot` with piece `piece`; in the thread. Returns a code, with its message in desy_error_message(). */
typedef int desy_prefetch_fill(void *context, size_t piece, int slot);

/* Starts on pieces first, first + 1, ... below end. DESY_EENV: no thread. */
int desy_prefetch_open(desy_prefetch **prefetch, desy_prefetch_fill *fill, void *context, size_t first, size_t end);
/* Waits for the next piece; *slot is its own until the next call. Passes on the code and message of its fill, and again at every further call. */
int desy_prefetch_next(desy_prefetch *prefetch, int *slot);
/* Waits for the thread, which ends after the slot that it is filling. NULL-safe. */
void desy_prefetch_close(desy_prefetch **prefetch);

#endif
