#include "model/product.hpp"

#include "base/cpu.h"
#include "base/log.h"

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

/* Tile by tile: what a tile reads and writes stays in the first cache. */
DESY_VECTOR_CLONES static void transpose_tile(float *__restrict out, int64_t out_stride, const float *__restrict in, int64_t in_stride, int64_t m, int64_t n)
{
    for (int64_t x = 0; x < n; x++)
        for (int64_t y = 0; y < m; y++) out[x * out_stride + y] = in[y * in_stride + x];
}

void transpose(float *out, const matrix &in, int64_t m, int64_t n)
{
    constexpr int64_t tile = 16;
    for (int64_t y = 0; y < m; y += tile)
        for (int64_t x = 0; x < n; x += tile)
            transpose_tile(out + x * m + y, m, in.values + y * in.stride + x, in.stride, std::min(tile, m - y), std::min(tile, n - x));
}

} // namespace desy
