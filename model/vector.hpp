/* Inside model/: sixteen float32 at once for our own kernel, by GCC's vector extension. Arguments are references, since a vector
 * by value would have another ABI on every instruction set. */
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

} // namespace desy

#endif
