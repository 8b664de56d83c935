#include "base/random.h"

#include "base/cpu.h"

#include <math.h>
#include <string.h>

static inline void round_philox(uint32_t counter[4], const uint32_t key[2])
{
    uint64_t a = (uint64_t)0xD2511F53u * counter[0], b = (uint64_t)0xCD9E8D57u * counter[2];
    uint32_t next[4] = {(uint32_t)(b >> 32) ^ counter[1] ^ key[0], (uint32_t)b, (uint32_t)(a >> 32) ^ counter[3] ^ key[1], (uint32_t)a};
    for (int i = 0; i < 4; i++) counter[i] = next[i];
}

uint64_t desy_random_u64(uint64_t seed, uint64_t stream, uint64_t count)
{
    uint32_t counter[4] = {(uint32_t)count, (uint32_t)(count >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (int i = 0; i < 10; i++) {
        round_philox(counter, key);
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    return (uint64_t)counter[1] << 32 | counter[0];
}

/* Words of 32 bits in lanes of 64, where a product needs no shuffling. */
typedef uint64_t lanes __attribute__((vector_size(64)));
typedef uint32_t half_lanes __attribute__((vector_size(32)));

DESY_VECTOR_CLONES void desy_random_words(uint64_t seed, uint64_t stream, uint64_t first, uint32_t words[DESY_RANDOM_WORDS])
{
    for (unsigned i = 0; i < DESY_RANDOM_COUNTERS; i += 8) {
        const lanes counters = (lanes){0, 1, 2, 3, 4, 5, 6, 7} + (first + i);
        const lanes streams = (counters & 0) + stream;
        lanes word[4] = {counters & 0xffffffffu, counters >> 32, streams & 0xffffffffu, streams >> 32};
        uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
        for (int round = 0; round < 10; round++) {
            const lanes a = word[0] * 0xD2511F53u, b = word[2] * 0xCD9E8D57u;
            word[0] = (b >> 32) ^ word[1] ^ (uint64_t)key[0], word[1] = b & 0xffffffffu;
            word[2] = (a >> 32) ^ word[3] ^ (uint64_t)key[1], word[3] = a & 0xffffffffu;
            key[0] += 0x9E3779B9u;
            key[1] += 0xBB67AE85u;
        }
        for (int w = 0; w < 4; w++) {
            const half_lanes narrow = __builtin_convertvector(word[w], half_lanes);
            memcpy(words + DESY_RANDOM_COUNTERS * w + i, &narrow, sizeof narrow);
        }
    }
}

double desy_random_uniform(uint64_t seed, uint64_t stream, uint64_t counter)
{
    return (double)(desy_random_u64(seed, stream, counter) >> 11) * 0x1p-53;
}

double desy_random_normal(uint64_t seed, uint64_t stream, uint64_t counter)
{
    double radius = sqrt(-2 * log1p(-desy_random_uniform(seed, stream, 2 * counter)));
    return radius * cos(2 * M_PI * desy_random_uniform(seed, stream, 2 * counter + 1));
}

void desy_random_permutation(uint64_t seed, uint64_t stream, size_t n, uint32_t *order)
{
    for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)(desy_random_uniform(seed, stream, i) * (double)i);
        uint32_t kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
}
