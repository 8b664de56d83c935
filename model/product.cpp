#include "model/product.hpp"

#include "base/cpu.h"
#include "model/vector.hpp"

#include <ATen/ATen.h>
#include <ATen/native/CPUBlas.h>
#include <algorithm>
#include <cmath>

namespace desy {
namespace {

constexpr int64_t rows = 128, columns = 256, depth = 512; /* of one call: what it reads stays in the second cache */
constexpr int64_t panel = 64;                              /* in 8 bits: columns of one call, which lie together */

} // namespace

void product(float *c, int64_t c_stride, const matrix &a, const matrix &b, int64_t m, int64_t n, int64_t k, bool add)
{
    for (int64_t z = 0; z < k; z += depth)
        for (int64_t x = 0; x < n; x += columns)
            for (int64_t y = 0; y < m; y += rows)
                at::native::cpublas::brgemm(std::min(rows, m - y), std::min(columns, n - x), std::min(depth, k - z), a.stride, b.stride, c_stride, add || z > 0,
                                            a.values + y * a.stride + z, b.values + z * b.stride + x, c + y * c_stride + x, false);
}

/* Sixteen rows of sixteen numbers: in four rounds, each of which brings numbers that are 1, 2, 4, 8 columns apart to rows that are as far apart. */
DESY_VECTOR_CLONES static void transpose_tile(float *out, int64_t out_stride, const float *in, int64_t in_stride)
{
    typedef int32_t places __attribute__((vector_size(sizeof(vector))));
    static const places first[] = {{0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30}, {0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29},
                                   {0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27}, {0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23}};
    vector rows[lanes];
    for (int i = 0; i < lanes; i++) load(rows[i], in + i * in_stride);
#pragma GCC unroll 4
    for (int round = 0; round < 4; round++) {
        const int apart = 1 << round;
#pragma GCC unroll 16
        for (int i = 0; i < lanes; i++) {
            if (i & apart) continue;
            const vector a = rows[i], b = rows[i + apart];
            rows[i] = __builtin_shuffle(a, b, first[round]);
            rows[i + apart] = __builtin_shuffle(a, b, first[round] + apart);
        }
    }
    for (int i = 0; i < lanes; i++) store(out + i * out_stride, rows[i]);
}

void transpose(float *out, const matrix &in, int64_t m, int64_t n)
{
    for (int64_t y = 0; y < m; y += lanes)
        for (int64_t x = 0; x < n; x += lanes) {
            const float *from = in.values + y * in.stride + x;
            if (y + lanes <= m && x + lanes <= n) transpose_tile(out + x * m + y, m, from, in.stride);
            else
                for (int64_t i = 0; i < std::min<int64_t>(lanes, n - x); i++)
                    for (int64_t k = 0; k < std::min<int64_t>(lanes, m - y); k++) out[(x + i) * m + y + k] = from[k * in.stride + i];
        }
}

bool bf16_products_work()
{
    static const bool work = [] {
        const uint16_t a[2] = {0x3f80, 0x4000}; /* 1, 2 */
        const uint32_t b = 0x40404040;          /* 3 and 3 */
        float product = 0;
        try {
            product_of_bf16(&product, 1, a, &b, 1, 1, 2, false);
        } catch (const c10::Error &) {
        }
        return product == 9;
    }();
    return work;
}

/* To the nearest, ties to even. NaN stays NaN. */
DESY_INLINE uint32_t rounded(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7fffffff) > 0x7f800000 ? bits | 0x400000 : bits + 0x7fff + (bits >> 16 & 1);
}

DESY_VECTOR_CLONES void round_to_bf16(uint16_t *out, const matrix &a, int64_t m, int64_t k)
{
    const int64_t depth = bf16_depth(k);
    for (int64_t y = 0; y < m; y++) {
        const float *row = a.values + y * a.stride;
        uint16_t *to = out + y * depth;
        for (int64_t z = 0; z < k; z++) to[z] = (uint16_t)(rounded(row[z]) >> 16);
        if (depth > k) to[k] = 0;
    }
}

DESY_VECTOR_CLONES void pair_to_bf16(uint32_t *out, const matrix &b, int64_t k, int64_t n)
{
    for (int64_t z = 0; z + 1 < k; z += 2) {
        const float *low = b.values + z * b.stride, *high = low + b.stride;
        uint32_t *to = out + z / 2 * n;
        for (int64_t x = 0; x < n; x++) to[x] = rounded(low[x]) >> 16 | (rounded(high[x]) & 0xffff0000);
    }
    for (int64_t x = 0; k % 2 && x < n; x++) out[k / 2 * n + x] = rounded(b.values[(k - 1) * b.stride + x]) >> 16;
}

void product_of_bf16(float *c, int64_t c_stride, const uint16_t *a, const uint32_t *b, int64_t m, int64_t n, int64_t k, bool add)
{
    const int64_t all = bf16_depth(k);
    for (int64_t z = 0; z < all; z += depth)
        for (int64_t x = 0; x < n; x += columns)
            for (int64_t y = 0; y < m; y += rows)
                at::native::cpublas::brgemm(std::min(rows, m - y), std::min(columns, n - x), std::min(depth, all - z), all, n, c_stride, add || z > 0,
                                            (const at::BFloat16 *)(a + y * all + z), (const at::BFloat16 *)(b + z / 2 * n + x), c + y * c_stride + x, true);
}

bool int8_products_work()
{
    static const bool work = [] {
        const uint8_t a[4] = {1, 2, 3, 127};
        const int8_t b[4] = {1, -1, 2, 127};
        int32_t product = 0;
        try {
            product_of_int8(&product, a, b, 1, 1, 4);
        } catch (const c10::Error &) {
        }
        return product == 1 - 2 + 6 + 127 * 127;
    }();
    return work;
}

/* The least and the most of x and 0; NaN where a number is not finite. */
DESY_VECTOR_CLONES static void find_range(float *least, float *most, const float *x, int64_t n)
{
    vector low = {}, high = {}, nothing = {}, v;
    int64_t i = 0;
    float rest = 0;
    for (; i + lanes <= n; i += lanes) {
        load(v, x + i);
        low = v < low ? v : low;
        high = v > high ? v : high;
        nothing += v * 0.f;
    }
    *least = *most = 0;
    for (; i < n; i++) *least = std::min(*least, x[i]), *most = std::max(*most, x[i]), rest += x[i] * 0;
    for (int k = 0; k < lanes; k++) *least = std::min(*least, low[k]), *most = std::max(*most, high[k]), rest += nothing[k];
    *most += rest;
}

/* As FBGEMM chooses it. */
static int8_rule rule_of(float least, float most)
{
    float scale = (float)(((double)most - least) / 127);
    if (!std::isfinite(scale)) return {scale, 0};
    if (scale == 0 || std::isinf(1 / scale)) scale = .1f;
    return {std::max(scale, 6.1e-5f), (int32_t)std::nearbyint(-least / (double)scale)};
}

/* To the nearest by what adding 1.5 2^23 does to the bits of a float. Fused, as in FBGEMM: the ends of a range are often just between two
 * levels. */
DESY_VECTOR_CLONES static void round_row(uint8_t *__restrict levels, const float *__restrict x, int64_t n, float inverse, float zero)
{
    for (int64_t i = 0; i < n; i++) {
        const float value = std::fma(x[i], inverse, zero), shifted = (value < 0 ? 0 : value) + 0x1.8p23f;
        int32_t bits;
        memcpy(&bits, &shifted, sizeof bits);
        levels[i] = (uint8_t)bits;
    }
}

int8_rule round_to_int8(uint8_t *levels, const float *a, int64_t m, int64_t k)
{
    const int64_t depth = int8_depth(k);
    float least, most;
    find_range(&least, &most, a, m * k);
    const int8_rule rule = rule_of(least, most);
    for (int64_t y = 0; y < m; y++) {
        round_row(levels + y * depth, a + y * k, k, 1 / rule.scale, (float)rule.zero);
        memset(levels + y * depth + k, 0, (size_t)(depth - k));
    }
    return rule;
}

void fours_of_int8(int8_t *out, const int8_t *b, int64_t n, int64_t k)
{
    memset(out, 0, (size_t)(int8_depth(k) * n));
    for (int64_t x = 0; x < n; x += panel) {
        const int64_t width = std::min(panel, n - x);
        for (int64_t i = 0; i < width; i++)
            for (int64_t z = 0; z < k; z++) out[x * int8_depth(k) + (z / 4 * width + i) * 4 + z % 4] = b[(x + i) * k + z];
    }
}

void product_of_int8(int32_t *c, const uint8_t *a, const int8_t *b, int64_t m, int64_t n, int64_t k)
{
    const int64_t depth = int8_depth(k);
    for (int64_t x = 0; x < n; x += panel) {
        const int64_t width = std::min(panel, n - x);
        at::native::cpublas::brgemm(m, width, depth, depth, width, n, false, a, b + x * depth, c + x, true);
    }
}

DESY_VECTOR_CLONES void add_int8_products(float *__restrict y, const int32_t *__restrict c, int8_rule rule, const int32_t *__restrict sums, const float *__restrict scales, int64_t m, int64_t n)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t x = 0; x < n; x++) y[i * n + x] += (float)(c[i * n + x] - rule.zero * sums[x]) * (rule.scale * scales[x]);
}

} // namespace desy
