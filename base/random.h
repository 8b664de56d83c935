/* Counter-based random numbers: each is a pure function of (seed, stream, counter), never of rank or time. */
#ifndef DESY_BASE_RANDOM_H
#define DESY_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Philox-4x32-10 (Salmon et al., SC 2011): key = seed, counter = (stream, counter); the first 64 bits. */
uint64_t desy_random_u64(uint64_t seed, uint64_t stream, uint64_t counter);

/* Many at once: words[32 w + i] is word w (of four) of counter `first` + i; of desy_random_u64 words 0 and 1 are the low and the high half. */
#define DESY_RANDOM_COUNTERS 32
#define DESY_RANDOM_WORDS (4 * DESY_RANDOM_COUNTERS)
void desy_random_words(uint64_t seed, uint64_t stream, uint64_t first, uint32_t words[DESY_RANDOM_WORDS]);

/* Uniform in [0, 1), 53 bits. */
double desy_random_uniform(uint64_t seed, uint64_t stream, uint64_t counter);

/* Standard normal, Box-Muller over counters 2 * counter and 2 * counter + 1. */
double desy_random_normal(uint64_t seed, uint64_t stream, uint64_t counter);

/* 0..n-1 in an order that is a function of (seed, stream): Fisher-Yates. */
void desy_random_permutation(uint64_t seed, uint64_t stream, size_t n, uint32_t *order);

#ifdef __cplusplus
}
#endif

#endif
