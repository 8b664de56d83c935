/* Inside model/: sixteen float32 at once for our own kernels, or eight, by GCC's vector extension. Arguments are references, since a vector
 * by value would have another ABI on every instruction set. */
#ifndef DESY_MODEL_VECTOR_HPP
#define DESY_MODEL_VECTOR_HPP

#include <cstdint>
#include <cstring>

namespace desy {

constexpr int lanes = 16;

typedef float vector __attribute__((vector_size(4 * lanes)));
typedef float half_vector __attribute__((vector_size(2 * lanes)));

#define DESY_INLINE __attribute__((always_inline)) inline

template <class V> DESY_INLINE void load(V &v, const float *from)
{
    memcpy(&v, from, sizeof v);
}

template <class V> DESY_INLINE void store(float *to, const V &v)
{
    memcpy(to, &v, sizeof v);
}

} // namespace desy

#endif
