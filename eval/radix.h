/* Radix sort by integer keys, least significant byte first (Knuth, TAOCP 3, 5.2.5): stable, linear, and a byte that all keys share costs nothing. */
#ifndef DESY_EVAL_RADIX_H
#define DESY_EVAL_RADIX_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* n items of `size` bytes, ascending by key(item), of which the lower `bytes` bytes count. Returns where they are: in `items`, or in `scratch`, which is as large.
 * Inline, so that size, bytes and key are constants to the compiler. */
static inline __attribute__((always_inline)) void *desy_radix_sort(void *items, void *scratch, size_t n, size_t size, int bytes, uint64_t (*key)(const void *item))
{
    size_t counts[8][256] = {{0}};
    char *from = items, *to = scratch;
    for (size_t i = 0; i < n; i++) {
        const uint64_t value = key(from + i * size);
        for (int b = 0; b < bytes; b++) counts[b][value >> (8 * b) & 255]++;
    }
    for (int b = 0; n > 0 && b < bytes; b++) {
        size_t *count = counts[b], before = 0;
        if (count[key(from) >> (8 * b) & 255] == n) continue;
        for (int digit = 0; digit < 256; digit++) {
            const size_t here = count[digit];
            count[digit] = before;
            before += here;
        }
        for (size_t i = 0; i < n; i++) {
            const char *item = from + i * size;
            memcpy(to + size * count[key(item) >> (8 * b) & 255]++, item, size);
        }
        char *swapped = from;
        from = to;
        to = swapped;
    }
    return from;
}

#endif
