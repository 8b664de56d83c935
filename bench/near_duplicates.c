/* near_duplicates [VIDEOS [CROWDED]]: the search for near duplicates among made fingerprints: time, memory, what was planted and what was found. One in ten is
 * a copy of another with 0 to 4 bits turned in each frame. CROWDED: this share of the videos begins with the same picture. */
#include "base/error.h"
#include "base/random.h"
#include "features/near_duplicates.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void turn_bits(struct desy_fingerprint *print, uint64_t i)
{
    for (uint64_t k = 0; k < DESY_FINGERPRINT_FRAMES; k++)
        for (uint64_t flips = desy_random_u64(1, 2, i * 8 + k) % 5, f = 0; f < flips; f++) print->frames[k] ^= (uint64_t)1 << desy_random_u64(1, 3, (i * 8 + k) * 8 + f) % 64;
}

int main(int argc, char **argv)
{
    const size_t n = argc > 1 ? (size_t)atoll(argv[1]) : 1000000;
    const double crowded = argc > 2 ? atof(argv[2]) : 0;
    struct desy_near_item *items = calloc(n + 1, sizeof *items);
    struct desy_near_pair *pairs = NULL;
    size_t found = 0, planted = 0;
    struct rusage usage;
    if (!items) return 1;
    for (size_t i = 0; i < n; i++) {
        const bool copy = i % 10 == 9;
        if (copy) items[i] = items[desy_random_u64(1, 4, i) % i];
        for (uint64_t k = 0; !copy && k < DESY_FINGERPRINT_FRAMES; k++) items[i].print.frames[k] = desy_random_u64(1, 1, i * 8 + k);
        if (!copy && desy_random_uniform(1, 5, i) < crowded) items[i].print.frames[0] = 0x0123456789abcdef;
        if (copy) turn_bits(&items[i].print, i), planted++;
        items[i].print.detailed = 0xff;
        items[i].label = (int)(i & 1), items[i].part = DESY_SPLIT_NONE;
    }
    const double began = now();
    const clock_t clocks = clock();
    const int rc = desy_near_duplicates(&pairs, &found, items, n);
    const double took = now() - began;
    getrusage(RUSAGE_SELF, &usage);
    printf("%zu videos, %.0f %% with the same first frame: %zu planted copies, %zu found, in %.1f s (%.1f s of a processor), %ld MB at most (%zu MB of fingerprints)\n", n, 100 * crowded, planted, found, took, (double)(clock() - clocks) / CLOCKS_PER_SEC,
           usage.ru_maxrss / 1024, n * sizeof *items >> 20);
    free(items);
    free(pairs);
    return rc;
}
