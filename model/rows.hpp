/* Inside model/: what layers of a network do to the rows of a matrix, forward and backward, on the CPU: float32, without gaps, one thread. */
#ifndef DESY_MODEL_ROWS_HPP
#define DESY_MODEL_ROWS_HPP

#include <cstdint>

namespace desy {

/* Each row of out (n, width) becomes `row`; the same, added. */
void set_rows(float *out, const float *row, int64_t n, int64_t width);
void add_to_rows(float *out, const float *row, int64_t n, int64_t width);
/* sum (width): the sum of all rows: the gradient of a bias. */
void sum_rows(float *sum, const float *x, int64_t n, int64_t width);
float dot(const float *a, const float *b, int64_t n);
/* y += factor x */
void add_scaled(float *y, const float *x, float factor, int64_t n);
void multiply(float *y, const float *x, int64_t n);

/* Layer normalisation (Ba et al. 2016), epsilon 1e-5, of rows of a multiple of 16: normal = (x - mean) / deviation, out = normal weight + bias; inverse (n): 1 / deviation. */
void layer_norm(float *out, float *normal, float *inverse, const float *x, const float *weight, const float *bias, int64_t n, int64_t width);
/* dx += the gradient; d_weight, d_bias (width) are overwritten. */
void layer_norm_backward(float *dx, float *d_weight, float *d_bias, const float *d_out, const float *normal, const float *inverse, const float *weight, int64_t n, int64_t width);

/* out = x Phi(x) (Hendrycks & Gimpel 2016), in place; slope (n): its derivative. n: a multiple of 16. Phi by Abramowitz & Stegun 7.1.26: within 1e-7. */
void gelu(float *x, float *slope, int64_t n);

/* In place, of the first `length` numbers of each row, scaled first; the rest becomes 0. width: a multiple of 16. */
void softmax(float *x, float scale, int64_t n, int64_t width, int64_t length);
/* In place: d_out becomes the gradient of the input of `out` = softmax(input), scaled. */
void softmax_backward(float *d_out, const float *out, float scale, int64_t n, int64_t width);

} // namespace desy

#endif
