/* Inside model/: matrix products on the CPU, on plain memory, row-major, one thread. The bits of an element hang on k, and not on m, n or where anything lies. */
#ifndef DESY_MODEL_PRODUCT_HPP
#define DESY_MODEL_PRODUCT_HPP

#include <cstdint>

namespace desy {

struct matrix {
    const float *values;
    int64_t stride; /* floats from a row to the next */
};

/* c (m, n), its rows c_stride apart, = a (m, k) b (k, n), or that more than it was (`add`). By oneDNN's micro-kernels where libtorch has them for this processor, else
 * by the product that libtorch takes. */
void product(float *c, int64_t c_stride, const matrix &a, const matrix &b, int64_t m, int64_t n, int64_t k, bool add);

/* out (columns, rows), without gaps, of in (rows, columns). */
void transpose(float *out, const matrix &in, int64_t rows, int64_t columns);

/* ---- the same of numbers rounded to bfloat16, summed in float32 ---- */

/* Has this processor the instructions, and libtorch the micro-kernels? */
bool bf16_products_work();
inline int64_t bf16_depth(int64_t k) { return (k + 1) / 2 * 2; }
/* out (m, bf16_depth(k)) of a (m, k); an odd k is filled up with 0. */
void round_to_bf16(uint16_t *out, const matrix &a, int64_t m, int64_t k);
/* out (bf16_depth(k) / 2, n): pairs of rows of b (k, n), the first in the low half: the order of the processor's dot product of pairs. */
void pair_to_bf16(uint32_t *out, const matrix &b, int64_t k, int64_t n);
/* a and b as these two give them. */
void product_of_bf16(float *c, int64_t c_stride, const uint16_t *a, const uint32_t *b, int64_t m, int64_t n, int64_t k, bool add);

} // namespace desy

#endif
