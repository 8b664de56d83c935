#include "eval/resample.h"

#include "base/cpu.h"
#include "base/random.h"

#include <math.h>
#include <string.h>

/* Streams of random numbers, the block or the resample in the lower bits. */
enum { SOURCES = 1, COUNTS, LOW_BITS, MENDING };
static uint64_t stream(int purpose, uint64_t number) { return (uint64_t)purpose << 48 | number; }

#define MOST_TIMES 24 /* the largest mean of a Poisson count: a source drawn more often has the rest of its draws added */
#define STEPS 64      /* counts are below */
#define VECTOR 32     /* bytes: 16 lanes of 16 bits; compares of wider ones go by masks, which takes longer */
#define VECTORS (2 * DESY_LANES / VECTOR)

typedef int16_t lanes __attribute__((vector_size(VECTOR)));
typedef uint8_t octets __attribute__((vector_size(VECTOR / 2)));

/* 2^32 times the chance of a count of at most k, less 1: a count is the number of them that a random number of 32 bits exceeds. */
struct chances { uint32_t of[MOST_TIMES + 1][STEPS]; };

static void set_chances(struct chances *chances)
{
    for (int mean = 0; mean <= MOST_TIMES; mean++) {
        double term = exp(-mean), sum = 0;
        for (int k = 0; k < STEPS; k++) {
            sum += term;
            term *= (double)mean / (k + 1);
            chances->of[mean][k] = (uint32_t)fmax(0, fmin(floor(sum * 0x1p32), 0x1p32) - 1);
        }
    }
}

/* The upper halves of the chances of one stratum, lane by lane, less 2^15: as many as are below the largest there is, and one. */
struct steps { int16_t upper[STEPS][DESY_LANES]; int n; };

static void set_steps(struct steps *steps, const struct chances *chances, const uint8_t *times)
{
    steps->n = 1;
    for (int l = 0; l < DESY_LANES; l++) {
        const uint32_t *of = chances->of[times[l] < MOST_TIMES ? times[l] : MOST_TIMES];
        for (int k = 0; k < STEPS; k++) steps->upper[k][l] = (int16_t)((of[k] >> 16) - 0x8000);
        while (steps->n < STEPS && steps->upper[steps->n - 1][l] < INT16_MAX) steps->n++;
    }
}

struct totals { uint32_t sum[DESY_LANES]; int16_t most[DESY_LANES]; };

/* Those lanes whose 16 bits lie where a chance does: 16 more decide. */
static void decide(const struct chances *chances, const uint8_t *times, uint64_t seed, uint64_t block, size_t unit, const int16_t *bits, const struct steps *steps, int16_t *counts)
{
    for (int l = 0; l < DESY_LANES; l++) {
        bool near = false;
        for (int k = 0; k < steps->n; k++) near |= bits[l] == steps->upper[k][l];
        if (!near) continue;
        const uint32_t *of = chances->of[times[l] < MOST_TIMES ? times[l] : MOST_TIMES];
        const uint32_t number = (uint32_t)(bits[l] + 0x8000) << 16 | (uint32_t)(desy_random_u64(seed, stream(LOW_BITS, block * DESY_LANES + (uint64_t)l), unit) & 0xffff);
        counts[l] = 0;
        while (counts[l] < STEPS && number > of[counts[l]]) counts[l]++;
    }
}

/* Poisson counts of the units first to last - 1, and their sums and maxima over the units. */
DESY_VECTOR_CLONES static void draw_counts(const struct chances *chances, const struct steps *steps, const uint8_t *times, uint64_t seed, uint64_t block, size_t first, size_t last, uint8_t *weights,
                                           struct totals *totals)
{
    uint32_t words[DESY_RANDOM_WORDS];
    lanes most[VECTORS] = {{0}}, sums[VECTORS] = {{0}};
    memset(totals->sum, 0, sizeof totals->sum);
    for (size_t u = first; u < last; u++) {
        if (u == first || u % 4 == 0) desy_random_words(seed, stream(COUNTS, block), u / 4 * DESY_RANDOM_COUNTERS, words);
        const uint32_t *bits = words + u % 4 * (DESY_LANES / 2);
        lanes near = {0}, count[VECTORS];
        for (int v = 0; v < VECTORS; v++) {
            lanes number, upper, counted = {0};
            memcpy(&number, (const char *)bits + VECTOR * v, VECTOR);
            for (int k = 0; k < steps->n; k++) {
                memcpy(&upper, (const char *)steps->upper[k] + VECTOR * v, VECTOR);
                counted -= number > upper;
                near |= number == upper;
            }
            count[v] = counted;
        }
        uint64_t any[VECTOR / 8], some = 0;
        memcpy(any, &near, VECTOR);
        for (int i = 0; i < VECTOR / 8; i++) some |= any[i];
        if (some) decide(chances, times, seed, block, u, (const int16_t *)bits, steps, (int16_t *)count);
        for (int v = 0; v < VECTORS; v++) {
            const octets narrow = __builtin_convertvector(count[v], octets);
            memcpy(weights + u * DESY_LANES + VECTOR / 2 * v, &narrow, sizeof narrow);
            const lanes more = count[v] > most[v];
            most[v] = (count[v] & more) | (most[v] & ~more);
            sums[v] += count[v];
        }
        if (u % 256 != 255 && u + 1 < last) continue; /* 256 counts fit 16 bits */
        for (int l = 0; l < DESY_LANES; l++) totals->sum[l] += (uint32_t)sums[l * 2 / VECTOR][l % (VECTOR / 2)];
        memset(sums, 0, sizeof sums);
    }
    memcpy(totals->most, most, sizeof most);
}

/* Random numbers one after another. */
struct numbers { uint64_t seed, stream, next; uint32_t words[DESY_RANDOM_WORDS]; int used; };

static uint64_t next_number(struct numbers *numbers)
{
    if (numbers->used == DESY_RANDOM_WORDS) {
        desy_random_words(numbers->seed, numbers->stream, numbers->next, numbers->words);
        numbers->next += DESY_RANDOM_COUNTERS;
        numbers->used = 0;
    }
    const uint64_t low = numbers->words[numbers->used++];
    return (uint64_t)numbers->words[numbers->used++] << 32 | low;
}

/* A stratum of n units: until each lane has n times `times` draws, one is added to any unit, or taken from any of the draws. */
static void mend_counts(struct numbers *numbers, const uint8_t *times, size_t n, struct totals *totals, uint8_t *weights)
{
    for (int l = 0; l < DESY_LANES; l++) {
        const uint64_t wanted = n * times[l];
        uint64_t made = totals->sum[l];
        while (made != wanted) {
            const unsigned __int128 product = (unsigned __int128)next_number(numbers) * n; /* a unit, and what is left of the number */
            uint8_t *weight = weights + (size_t)(product >> 64) * DESY_LANES + l;
            if (made < wanted) {
                if (*weight == UINT8_MAX) continue; /* never in the life of a universe; no overflow then */
                made++;
                if (++*weight > totals->most[l]) totals->most[l] = *weight;
            } else if (((uint64_t)product >> 32) * (uint64_t)totals->most[l] >> 32 < *weight) {
                made--;
                --*weight;
            }
        }
    }
}

/* Sources first to last - 1, drawn as often as they are many. */
static void draw_sources(uint64_t seed, uint64_t block, size_t first, size_t last, uint8_t *times)
{
    for (uint64_t l = 0; l < DESY_LANES; l++) {
        struct numbers numbers = {.seed = seed, .stream = stream(SOURCES, block * DESY_LANES + l), .next = (uint64_t)first << 32, .used = DESY_RANDOM_WORDS};
        for (size_t k = first; k < last; k++) {
            const unsigned __int128 product = (unsigned __int128)next_number(&numbers) * (last - first);
            times[(first + (size_t)(product >> 64)) * DESY_LANES + l]++;
        }
    }
}

unsigned desy_resample(const struct desy_units *units, uint64_t seed, uint64_t block, uint8_t *weights, uint8_t *times)
{
    struct chances chances;
    struct steps steps;
    struct totals totals;
    unsigned most = 0;
    const bool of_sources = units->kind == DESY_UNIT_SOURCES;
    bool have_steps = false;
    set_chances(&chances);
    memset(times, of_sources ? 0 : 1, units->n_strata * DESY_LANES);
    if (of_sources) {
        draw_sources(seed, block, 0, units->n_real, times);
        draw_sources(seed, block, units->n_real, units->n_strata, times);
    }
    for (size_t s = 0; s < units->n_strata; s++) {
        const size_t first = units->first[s], last = units->first[s + 1];
        const uint8_t *of = times + s * DESY_LANES;
        if (last - first == 1) { /* where everything is its own source, there are many */
            memcpy(weights + first * DESY_LANES, of, DESY_LANES);
            for (int l = 0; l < DESY_LANES; l++) most = of[l] > most ? of[l] : most;
            continue;
        }
        struct numbers numbers = {.seed = seed, .stream = stream(MENDING, block), .next = (uint64_t)s << 32, .used = DESY_RANDOM_WORDS};
        if (of_sources || !have_steps) set_steps(&steps, &chances, of);
        have_steps = true;
        draw_counts(&chances, &steps, of, seed, block, first, last, weights, &totals);
        mend_counts(&numbers, of, last - first, &totals, weights + first * DESY_LANES);
        for (int l = 0; l < DESY_LANES; l++) most = (unsigned)totals.most[l] > most ? (unsigned)totals.most[l] : most;
    }
    return most;
}
