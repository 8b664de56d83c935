/* Inside model/: sixteen float32 at once for our own kernels, by GCC's vector extension: compiled for each instruction set of
 * DESY_VECTOR_CLONES. Arguments are references, since a vector by value would have another ABI on every instruction set. */
#ifndef DESY_MODEL_VECTOR_HPP
#define DESY_MODEL_VECTOR_HPP

#include <cstdint>
#include <cstring>

namespace desy {

constexpr int lanes = 16;

typedef float vector __attribute__((vector_size(4 * lanes)));

#define DESY_INLINE __attribute__((always_inline)) inline

DESY_INLINE void load(vector &v, const float *from)
{
    memcpy(&v, from, sizeof v);
}

DESY_INLINE void store(float *to, const vector &v)
{
    memcpy(to, &v, sizeof v);
}

/* To bfloat16, to nearest, ties to even; finite values alone. */
DESY_INLINE void store(uint16_t *to, const vector &v)
{
    typedef uint32_t words __attribute__((vector_size(4 * lanes)));
    typedef uint16_t halves __attribute__((vector_size(2 * lanes)));
    words bits;
    memcpy(&bits, &v, sizeof bits);
    bits = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    halves narrow = __builtin_convertvector(bits, halves);
    memcpy(to, &narrow, sizeof narrow);
}

DESY_INLINE void relu6(vector &v)
{
    const vector zero = {}, six = zero + 6;
    v = v > zero ? v : zero;
    v = v < six ? v : six;
}

} // namespace desy

#endif
