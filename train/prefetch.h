/* Inside train/loader.c: threads that fill slots ahead of the one that uses them. */
#ifndef DESY_TRAIN_PREFETCH_H
#define DESY_TRAIN_PREFETCH_H

#include <stddef.h>

typedef struct desy_prefetch desy_prefetch;

#define DESY_MOST_WORKERS 64
/* Slots of so many threads: one in use, three ahead, or one for each thread where these are more. */
static inline int desy_prefetch_slots(int workers)
{
    return 1 + (workers > 3 ? workers : 3);
}

/* Fills slot `slot` with piece `piece`; in one of the threads, while others fill other slots. Returns a code, with its message in desy_error_message(). */
typedef int desy_prefetch_fill(void *context, size_t piece, int slot);

/* Starts on pieces first, first + 1, ... below end, each by the next thread that is free. workers: 1 to DESY_MOST_WORKERS. DESY_EENV: no thread. */
int desy_prefetch_open(desy_prefetch **prefetch, desy_prefetch_fill *fill, void *context, size_t first, size_t end, int workers);
/* Waits for the next piece, in their order; *slot is its own until the next call. Passes on the code and message of its fill, and again at every further call. */
int desy_prefetch_next(desy_prefetch *prefetch, int *slot);
/* Waits for the threads, which end after the slots that they are filling. NULL-safe. */
void desy_prefetch_close(desy_prefetch **prefetch);

#endif
