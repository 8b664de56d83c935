/* Radix sort by integer keys, linear in their number. Many are first dealt by the upper bits of their range to stretches that fit a core's cache, most significant digit first, and each
 * stretch is sorted by the other bits, least significant digit first (Knuth, TAOCP 3, 5.2.5): memory is gone over a few times in place of once a byte, and ranks on one machine share it. */
#ifndef DESY_EVAL_RADIX_H
#define DESY_EVAL_RADIX_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DESY_RADIX_DIGIT 8
#define DESY_RADIX_UPPER 11         /* bits of the first deal */
#define DESY_RADIX_FEW ((size_t)1 << 15) /* items that need no deal */

/* By the `bits` lower bits of key - least; stable. Returns where they are: in `items`, or in `scratch`. */
static inline __attribute__((always_inline)) char *desy_radix_sort_lower(char *items, char *scratch, size_t n, size_t size, int bits, uint64_t least, uint64_t (*key)(const void *item))
{
    size_t counts[64 / DESY_RADIX_DIGIT][1 << DESY_RADIX_DIGIT];
    const int digits = (bits + DESY_RADIX_DIGIT - 1) / DESY_RADIX_DIGIT;
    const uint64_t mask = (1 << DESY_RADIX_DIGIT) - 1, all = bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
    char *from = items, *to = scratch;
    memset(counts, 0, (size_t)digits * sizeof *counts);
    for (size_t i = 0; i < n; i++) {
        const uint64_t value = (key(from + i * size) - least) & all;
        for (int d = 0; d < digits; d++) counts[d][value >> (DESY_RADIX_DIGIT * d) & mask]++;
    }
    for (int d = 0; n > 0 && d < digits; d++) {
        size_t *count = counts[d], before = 0;
        const int shift = DESY_RADIX_DIGIT * d;
        if (count[((key(from) - least) & all) >> shift & mask] == n) continue; /* a digit that all share costs nothing */
        for (size_t digit = 0; digit <= mask; digit++) {
            const size_t here = count[digit];
            count[digit] = before;
            before += here;
        }
        for (size_t i = 0; i < n; i++) {
            const char *item = from + i * size;
            memcpy(to + size * count[((key(item) - least) & all) >> shift & mask]++, item, size);
        }
        char *swapped = from;
        from = to;
        to = swapped;
    }
    return from;
}

static inline int desy_radix_bits(uint64_t range) { return range ? 64 - __builtin_clzll(range) : 0; }

/* n items of `size` bytes, ascending by key(item). Returns where they are: in `items`, or in `scratch`, which is as large. Inline, so that size and key are constants to the compiler. */
static inline __attribute__((always_inline)) void *desy_radix_sort(void *items, void *scratch, size_t n, size_t size, uint64_t (*key)(const void *item))
{
    size_t ends[1 << DESY_RADIX_UPPER] = {0}, before = 0;
    char *from = items, *to = scratch;
    uint64_t least = UINT64_MAX, most = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t value = key(from + i * size);
        least = value < least ? value : least, most = value > most ? value : most;
    }
    const int bits = n > 0 ? desy_radix_bits(most - least) : 0, lower = bits > DESY_RADIX_UPPER ? bits - DESY_RADIX_UPPER : 0;
    if (n <= DESY_RADIX_FEW) return desy_radix_sort_lower(from, to, n, size, bits, least, key);
    for (size_t i = 0; i < n; i++) ends[(key(from + i * size) - least) >> lower]++;
    for (size_t b = 0; b < 1 << DESY_RADIX_UPPER; b++) {
        const size_t here = ends[b];
        ends[b] = before;
        before += here;
    }
    for (size_t i = 0; i < n; i++) {
        const char *item = from + i * size;
        memcpy(to + size * ends[(key(item) - least) >> lower]++, item, size);
    }
    for (size_t b = 0, first = 0; lower > 0 && b < 1 << DESY_RADIX_UPPER; first = ends[b++]) { /* back to `from`, as most end there */
        char *stretch = to + first * size, *back = from + first * size;
        const size_t count = ends[b] - first;
        const char *sorted = desy_radix_sort_lower(stretch, back, count, size, lower, least, key);
        if (sorted != back) memcpy(back, sorted, count * size);
    }
    return lower > 0 ? from : to;
}

#endif
