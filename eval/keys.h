/* Scores as integers that ascend where scores descend. Equal scores have equal keys, 0 and -0 too. */
#ifndef DESY_EVAL_KEYS_H
#define DESY_EVAL_KEYS_H

#include "mpi/world.h"

#include <string.h>

static inline uint64_t desy_key_of_double(double score)
{
    uint64_t bits;
    score += 0.; /* -0 becomes 0 */
    memcpy(&bits, &score, sizeof bits);
    return bits >> 63 ? bits : bits ^ INT64_MAX;
}

static inline double desy_double_of_key(uint64_t key)
{
    double score;
    const uint64_t bits = key >> 63 ? key : key ^ INT64_MAX;
    memcpy(&score, &bits, sizeof score);
    return score;
}

static inline uint32_t desy_key_of_float(float score)
{
    uint32_t bits;
    score += 0.F;
    memcpy(&bits, &score, sizeof bits);
    return bits >> 31 ? bits : bits ^ INT32_MAX;
}

static inline float desy_float_of_key(uint32_t key)
{
    float score;
    const uint32_t bits = key >> 31 ? key : key ^ INT32_MAX;
    memcpy(&score, &bits, sizeof score);
    return score;
}

#define DESY_KEY_SAMPLES 1024 /* of each rank: parts then differ by a few per cent */

/* Which of n items is a rank's i-th of `samples`: one from each of as many equal stretches, at a random place in it. */
size_t desy_key_sample(size_t n, size_t i, size_t samples);

struct desy_splitters {
    uint64_t *keys; /* ascending, no two alike; then UINT64_MAX, which is no score's key, up to 2 * step of them, at least one */
    size_t n, step; /* step: of a binary search, a power of 2; 0 without splitters */
};
/* Collective; agreed. Keys that part what the samples (up to DESY_KEY_SAMPLES of a rank) stand for into equal shares, the same on every rank; at most size - 1,
 * fewer where one key is very frequent. Free splitters->keys. DESY_EENV: memory. */
int desy_key_splitters(desy_world *world, const uint64_t *samples, size_t n, struct desy_splitters *splitters);

/* The number of splitters below the key: the rank whose it is. No branch depends on the key. */
static inline size_t desy_key_part(uint64_t key, const struct desy_splitters *splitters)
{
    size_t part = 0;
    for (size_t step = splitters->step; step > 0; step /= 2) part += splitters->keys[part + step - 1] < key ? step : 0;
    return part;
}

#endif
