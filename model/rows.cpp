#include "model/rows.hpp"

#include "base/cpu.h"
#include "model/vector.hpp"

#include <cmath>

namespace desy {
namespace {

typedef int32_t integers __attribute__((vector_size(4 * lanes)));

DESY_INLINE void fill(vector &v, float value)
{
    v = vector{} + value;
}

DESY_INLINE float sum_of(const vector &v)
{
    float eight[8], four[4];
    for (int i = 0; i < 8; i++) eight[i] = v[i] + v[i + 8];
    for (int i = 0; i < 4; i++) four[i] = eight[i] + eight[i + 4];
    return (four[0] + four[2]) + (four[1] + four[3]);
}

/* e^x for x <= 0: x = k ln 2 + r, |r| <= ln 2 / 2, a Taylor polynomial of r (within 6e-9), k added to the exponent. Below -87: 0. */
DESY_INLINE void exponential(vector &y, const vector &x)
{
    constexpr float to_integer = 0x1.8p23f, ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
    const vector shifted = x * 0x1.715476p+0f + to_integer, k = shifted - to_integer, r = (x - k * ln2_high) - k * ln2_low;
    vector p = r * (1.f / 5040) + 1.f / 720;
    p = p * r + 1.f / 120;
    p = p * r + 1.f / 24;
    p = p * r + 1.f / 6;
    p = p * r + .5f;
    p = p * r + 1.f;
    p = p * r + 1.f;
    const integers bits = (integers)p + ((integers)shifted << 23);
    y = (vector)(bits & (x >= -87.f));
}

} // namespace

DESY_VECTOR_CLONES void set_rows(float *out, const float *row, int64_t n, int64_t width)
{
    for (int64_t i = 0; i < n; i++) memcpy(out + i * width, row, (size_t)width * sizeof *row);
}

DESY_VECTOR_CLONES void add_to_rows(float *__restrict out, const float *__restrict row, int64_t n, int64_t width)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < width; k++) out[i * width + k] += row[k];
}

DESY_VECTOR_CLONES void sum_rows(float *__restrict sum, const float *__restrict x, int64_t n, int64_t width)
{
    memset(sum, 0, (size_t)width * sizeof *sum);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < width; k++) sum[k] += x[i * width + k];
}

DESY_VECTOR_CLONES float dot(const float *a, const float *b, int64_t n)
{
    vector sum = {}, x, y;
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        load(x, a + i);
        load(y, b + i);
        sum += x * y;
    }
    float rest = 0;
    for (; i < n; i++) rest += a[i] * b[i];
    return sum_of(sum) + rest;
}

DESY_VECTOR_CLONES void add_scaled(float *__restrict y, const float *__restrict x, float factor, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] += factor * x[i];
}

DESY_VECTOR_CLONES void multiply(float *__restrict y, const float *__restrict x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] *= x[i];
}

DESY_VECTOR_CLONES void layer_norm(float *out, float *normal, float *inverse, const float *x, const float *weight, const float *bias, int64_t n, int64_t width)
{
    constexpr float epsilon = 1e-5f;
    for (int64_t i = 0; i < n; i++, x += width, out += width, normal += width) {
        vector sum = {}, squares = {}, v, w, b;
        for (int64_t k = 0; k < width; k += lanes) load(v, x + k), sum += v;
        const float mean = sum_of(sum) / (float)width;
        for (int64_t k = 0; k < width; k += lanes) load(v, x + k), v -= mean, squares += v * v;
        inverse[i] = 1 / std::sqrt(sum_of(squares) / (float)width + epsilon);
        for (int64_t k = 0; k < width; k += lanes) {
            load(v, x + k);
            load(w, weight + k);
            load(b, bias + k);
            v = (v - mean) * inverse[i];
            store(normal + k, v);
            store(out + k, v * w + b);
        }
    }
}

DESY_VECTOR_CLONES void layer_norm_backward(float *dx, float *d_weight, float *d_bias, const float *d_out, const float *normal, const float *inverse, const float *weight, int64_t n, int64_t width)
{
    memset(d_weight, 0, (size_t)width * sizeof *d_weight);
    memset(d_bias, 0, (size_t)width * sizeof *d_bias);
    for (int64_t i = 0; i < n; i++, dx += width, d_out += width, normal += width) {
        vector sum = {}, along = {}, d, x, w, total;
        for (int64_t k = 0; k < width; k += lanes) {
            load(d, d_out + k);
            load(x, normal + k);
            load(w, weight + k);
            load(total, d_bias + k);
            store(d_bias + k, total + d);
            load(total, d_weight + k);
            store(d_weight + k, total + d * x);
            sum += d * w;
            along += d * w * x;
        }
        const float mean = sum_of(sum) / (float)width, slope = sum_of(along) / (float)width;
        for (int64_t k = 0; k < width; k += lanes) {
            load(d, d_out + k);
            load(x, normal + k);
            load(w, weight + k);
            load(total, dx + k);
            store(dx + k, total + inverse[i] * (d * w - mean - x * slope));
        }
    }
}

DESY_VECTOR_CLONES void gelu(float *x, float *slope, int64_t n)
{
    for (int64_t i = 0; i < n; i += lanes) {
        vector v, bell, t, tail, one;
        fill(one, 1);
        load(v, x + i);
        const vector size = (vector)((integers)v & 0x7fffffff);
        exponential(bell, v * v * -.5f);
        t = one / (size * (.3275911f * .70710678f) + 1.f);
        tail = t * 1.061405429f - 1.453152027f;
        tail = tail * t + 1.421413741f;
        tail = tail * t - .284496736f;
        tail = tail * t + .254829592f;
        tail *= t * bell * .5f; /* Phi(-|x|) */
        const vector phi = v < 0.f ? tail : one - tail;
        store(slope + i, phi + v * bell * .39894228f);
        store(x + i, v * phi);
    }
}

DESY_VECTOR_CLONES void softmax(float *x, float scale, int64_t n, int64_t width, int64_t length)
{
    for (int64_t i = 0; i < n; i++, x += width) {
        float most = x[0];
        for (int64_t k = 1; k < length; k++) most = x[k] > most ? x[k] : most;
        for (int64_t k = length; k < width; k++) x[k] = -INFINITY;
        vector sum = {}, v;
        for (int64_t k = 0; k < width; k += lanes) {
            load(v, x + k);
            exponential(v, (v - most) * scale);
            store(x + k, v);
            sum += v;
        }
        const float share = 1 / sum_of(sum);
        for (int64_t k = 0; k < width; k++) x[k] *= share;
    }
}

DESY_VECTOR_CLONES void softmax_backward(float *d_out, const float *out, float scale, int64_t n, int64_t width)
{
    for (int64_t i = 0; i < n; i++, d_out += width, out += width) {
        vector sum = {}, d, p;
        for (int64_t k = 0; k < width; k += lanes) load(d, d_out + k), load(p, out + k), sum += d * p;
        const float mean = sum_of(sum);
        for (int64_t k = 0; k < width; k += lanes) {
            load(d, d_out + k);
            load(p, out + k);
            store(d_out + k, p * (d - mean) * scale);
        }
    }
}

} // namespace desy
