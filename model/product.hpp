/* Inside model/: matrix products on the CPU, on plain memory: float32, row-major, one thread. */
#ifndef DESY_MODEL_PRODUCT_HPP
#define DESY_MODEL_PRODUCT_HPP

#include <cstdint>

namespace desy {

struct matrix {
    const float *values;
    int64_t stride; /* floats from a row to the next */
};

/* c (m, n), its rows c_stride apart, = a (m, k) b (k, n), or that more than it was (`add`). By oneDNN's micro-kernels where libtorch has them for this processor, else
 * by the product that libtorch takes. The bits of an element hang on k, and not on m, n or where anything lies. */
void product(float *c, int64_t c_stride, const matrix &a, const matrix &b, int64_t m, int64_t n, int64_t k, bool add);

/* out (columns, rows), without gaps, of in (rows, columns). */
void transpose(float *out, const matrix &in, int64_t rows, int64_t columns);

} // namespace desy

#endif
