/* Inside model/: matrix products on the CPU, on plain memory, row-major, one thread. The bits of an element hang on k, and not on m, n or where anything lies. */
#ifndef DESY_MODEL_PRODUCT_HPP
#define DESY_MODEL_PRODUCT_HPP

#include <cstdint>

namespace desy {

struct matrix {
    const float *values;
    int64_t stride; /* floats from a row to the next */
};

/* c (m, n), its rows c_stride apart, = a (m, k) b (k, n), or that more than it was (`add`). By oneDNN's micro-kernels where libtorch has them for this processor; else
 * the same call takes its ordinary product. */
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

/* ---- in 8 bits, summed in 32: the numbers of a are levels of one rule, 0..128, those of b levels -127..127 ---- */

/* Has this processor the instructions (VNNI), and libtorch the micro-kernels? */
bool int8_products_work();
inline int64_t int8_depth(int64_t k) { return (k + 3) / 4 * 4; }
/* A number is scale (level - zero). */
struct int8_rule {
    float scale;
    int32_t zero;
};
/* levels (m, int8_depth(k)) of a (m, k) without gaps, and their rule: 127 steps from the least to the most of a, and of 0; as
 * FBGEMM, the engine of libtorch's layers, has it. Where a number of a is not finite, the scale isn't either. */
int8_rule round_to_int8(uint8_t *levels, const float *a, int64_t m, int64_t k);
/* out, int8_depth(k) n numbers, of levels b (n, k), filled up with 0: for each 64 columns of the product (the last ones: what is left) (int8_depth(k) / 4, columns, 4), the order of the
 * processor's dot product of fours. */
void fours_of_int8(int8_t *out, const int8_t *b, int64_t n, int64_t k);
/* c (m, n) of a and b as these two give them. */
void product_of_int8(int32_t *c, const uint8_t *a, const int8_t *b, int64_t m, int64_t n, int64_t k);
/* y (m, n) += what the levels' products c stand for; of b: the sum of each row's levels, and what a level of it is worth. */
void add_int8_products(float *y, const int32_t *c, int8_rule rule, const int32_t *sums, const float *scales, int64_t m, int64_t n);

} // namespace desy

#endif
