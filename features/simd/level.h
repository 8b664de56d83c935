/* What every file of a level includes: its names and its vectors. Which level it is comes from the compiler's command line. */
#ifndef DESY_FEATURES_SIMD_LEVEL_H
#define DESY_FEATURES_SIMD_LEVEL_H

#include "features/kernels.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(DESY_LEVEL_SCALAR)
#define DESY_LEVEL scalar
#elif defined(DESY_LEVEL_NEON)
#define DESY_LEVEL neon
#define DESY_VECTOR_BYTES 16
#elif defined(DESY_LEVEL_AVX2)
#define DESY_LEVEL avx2
#define DESY_VECTOR_BYTES 32
#elif defined(DESY_LEVEL_AVX512)
#define DESY_LEVEL avx512
#define DESY_VECTOR_BYTES 64
#else
#error "no level is given (cmake/kernels.cmake)"
#endif

#define DESY_PASTE(level, name) desy_##level##_##name
#define DESY_PASTE_EXPANDED(level, name) DESY_PASTE(level, name)
#define DESY_KERNEL(name) DESY_PASTE_EXPANDED(DESY_LEVEL, name)

void DESY_KERNEL(blur_down)(uint16_t *out, const uint8_t *const *rows, const uint16_t *weights, int radius, int width);
void DESY_KERNEL(blur_across)(uint8_t *out, const uint16_t *in, const uint16_t *weights, int radius, int width);
void DESY_KERNEL(resize_down)(struct desy_resize_column *sums, const uint8_t *in, ptrdiff_t stride, int columns, const struct desy_axis *axis, int first, int rows);
void DESY_KERNEL(resize_across)(uint8_t *out, ptrdiff_t stride, const struct desy_resize_column *sums, int channels, int origin, const struct desy_axis *axis, int rows);
void DESY_KERNEL(dct_sums)(struct desy_dct_sums *sums, const struct desy_region *region);
void DESY_KERNEL(count_triples)(uint32_t counts[2][DESY_TRIPLES], enum desy_residual residual, const struct desy_region *region);

#ifdef DESY_VECTOR_BYTES
#define DESY_INLINE static inline __attribute__((always_inline))
typedef float floats __attribute__((vector_size(DESY_VECTOR_BYTES)));
typedef int32_t integers __attribute__((vector_size(DESY_VECTOR_BYTES)));
typedef int16_t shorts __attribute__((vector_size(DESY_VECTOR_BYTES)));
typedef uint16_t words __attribute__((vector_size(DESY_VECTOR_BYTES)));
typedef uint8_t half_octets __attribute__((vector_size(DESY_VECTOR_BYTES / 2)));
typedef int16_t half_shorts __attribute__((vector_size(DESY_VECTOR_BYTES / 2)));
enum { LANES = DESY_VECTOR_BYTES / 4, SHORTS = DESY_VECTOR_BYTES / 2 };

/* The two conversions for which GCC 12 finds no single instruction. */
DESY_INLINE words widen_octets(const uint8_t *from)
{
    half_octets values;
    memcpy(&values, from, sizeof values);
#if DESY_VECTOR_BYTES == 64
    return (words)_mm512_cvtepu8_epi16((__m256i)values);
#elif DESY_VECTOR_BYTES == 32
    return (words)_mm256_cvtepu8_epi16((__m128i)values);
#else
    return __builtin_convertvector(values, words);
#endif
}

DESY_INLINE integers widen_shorts(const int16_t *from)
{
    half_shorts values;
    memcpy(&values, from, sizeof values);
#if DESY_VECTOR_BYTES == 64
    return (integers)_mm512_cvtepi16_epi32((__m256i)values);
#elif DESY_VECTOR_BYTES == 32
    return (integers)_mm256_cvtepi16_epi32((__m128i)values);
#else
    return __builtin_convertvector(values, integers);
#endif
}
#endif

#endif
