#include "model/product.hpp"

#include "base/cpu.h"
#include "base/log.h"
#include "model/vector.hpp"

#include <ATen/ATen.h>
#include <ATen/native/CPUBlas.h>
#include <algorithm>

namespace desy {
namespace {

constexpr int64_t rows = 128, columns = 256, depth = 512; /* of one call: what it reads stays in the second cache */

bool micro_kernels_work()
{
    const float one = 1;
    float product = 0;
    try {
        at::native::cpublas::brgemm(1, 1, 1, 1, 1, 1, false, &one, &one, &product, false);
        return product == 1;
    } catch (const c10::Error &) {
        desy_log_info("this libtorch has no float32 micro-kernels for this processor: networks train without them, more slowly");
        return false;
    }
}

at::Tensor as_tensor(const float *values, int64_t stride, int64_t m, int64_t n)
{
    return at::from_blob(const_cast<float *>(values), {m, n}, {stride, 1}, at::kFloat);
}

} // namespace

void product(float *c, int64_t c_stride, const matrix &a, const matrix &b, int64_t m, int64_t n, int64_t k, bool add)
{
    static const bool micro = micro_kernels_work();
    if (!micro) {
        at::Tensor out = as_tensor(c, c_stride, m, n);
        const at::Tensor result = at::mm(as_tensor(a.values, a.stride, m, k), as_tensor(b.values, b.stride, k, n));
        add ? out.add_(result) : out.copy_(result);
        return;
    }
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

} // namespace desy
