#include "base/aligned.h"

#include <stdlib.h>
#include <sys/mman.h>

#define LINE ((size_t)64)
#define HUGE_PAGE ((size_t)2 << 20)

void *desy_aligned_alloc(size_t bytes)
{
    const size_t unit = bytes >= HUGE_PAGE / 2 ? HUGE_PAGE : LINE, whole = (bytes + unit - 1) / unit * unit;
    void *memory = aligned_alloc(unit, whole ? whole : unit);
    if (memory && unit == HUGE_PAGE) madvise(memory, whole, MADV_HUGEPAGE); /* a wish: without it the memory is as good */
    return memory;
}
