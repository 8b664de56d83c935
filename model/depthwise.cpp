#include "model/depthwise.hpp"

#include "base/cpu.h"
#include "model/vector.hpp"

#include <ATen/ATen.h>
#include <algorithm>
#include <cstdint>

namespace desy {
namespace {

constexpr int tile = 7; /* outputs of a row that are made at once; every side of the network is a multiple of it */

/* `tile` outputs of one row and `lanes` channels. x: the first of these channels in the row above which there is padding alone;
 * rows [first, last) of the kernel lie inside the picture, and with Edge only columns 0..side-1 of it. */
template <int Kernel, int Stride, bool Edge>
DESY_INLINE void tile_of_row(float *out, const float *x, const float *weight, const float *bias, const depthwise_shape &shape, int column, int first, int last)
{
    constexpr int inputs = (tile - 1) * Stride + Kernel;
    const ptrdiff_t channels = shape.channels;
    vector sum[tile], in[inputs], w;
    load(w, bias);
    for (int i = 0; i < tile; i++) sum[i] = w;
    for (int ky = first; ky < last; ky++) {
        const float *row = x + ((ptrdiff_t)ky * shape.side + column) * channels;
#pragma GCC unroll 32
        for (int i = 0; i < inputs; i++) {
            if (Edge && (column + i < 0 || column + i >= shape.side)) in[i] = vector{};
            else load(in[i], row + i * channels);
        }
#pragma GCC unroll 8
        for (int kx = 0; kx < Kernel; kx++) {
            load(w, weight + (ky * Kernel + kx) * channels);
#pragma GCC unroll 8
            for (int i = 0; i < tile; i++) sum[i] += in[i * Stride + kx] * w;
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < tile; i++) {
        relu6(sum[i]);
        store(out + i * channels, sum[i]);
    }
}

template <int Kernel, int Stride>
DESY_INLINE void rows(float *out, const float *x, const float *weight, const float *bias, const depthwise_shape &shape, int64_t count)
{
    constexpr int inputs = (tile - 1) * Stride + Kernel;
    const ptrdiff_t channels = shape.channels, picture = (ptrdiff_t)shape.side * shape.side * channels;
    for (int64_t r = 0; r < count; r++) {
        const int top = (int)(r % shape.out_side) * Stride - shape.before;
        const int first = std::max(0, -top), last = std::min(Kernel, shape.side - top);
        const float *above = x + r / shape.out_side * picture + (ptrdiff_t)top * shape.side * channels;
        float *row = out + r * shape.out_side * channels;
        for (int i = 0; i < shape.out_side; i += tile) {
            const int column = i * Stride - shape.before;
            const bool inside = column >= 0 && column + inputs <= shape.side;
            for (int c = 0; c < shape.channels; c += lanes) {
                float *o = row + i * channels + c;
                if (inside) tile_of_row<Kernel, Stride, false>(o, above + c, weight + c, bias + c, shape, column, first, last);
                else tile_of_row<Kernel, Stride, true>(o, above + c, weight + c, bias + c, shape, column, first, last);
            }
        }
    }
}

using function = void(float *, const float *, const float *, const float *, const depthwise_shape &, int64_t);

#define DESY_ROWS(NAME, KERNEL, STRIDE)                                                                                                     \
    DESY_VECTOR_CLONES void NAME(float *out, const float *x, const float *weight, const float *bias, const depthwise_shape &shape, int64_t count) \
    {                                                                                                                                      \
        rows<KERNEL, STRIDE>(out, x, weight, bias, shape, count);                                                                          \
    }
DESY_ROWS(rows_3_1, 3, 1)
DESY_ROWS(rows_3_2, 3, 2)
DESY_ROWS(rows_5_1, 5, 1)
DESY_ROWS(rows_5_2, 5, 2)

} // namespace

bool depthwise_fits(const depthwise_shape &shape)
{
    return (shape.kernel == 3 || shape.kernel == 5) && (shape.stride == 1 || shape.stride == 2) && shape.channels % lanes == 0 && shape.out_side % tile == 0;
}

at::Tensor depthwise_relu6(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, const depthwise_shape &shape)
{
    static function *const of[2][2] = {{rows_3_1, rows_3_2}, {rows_5_1, rows_5_2}};
    TORCH_CHECK(x.is_contiguous(at::MemoryFormat::ChannelsLast) && x.scalar_type() == at::kFloat, "a depthwise convolution takes float32, channels last");
    at::Tensor out = at::empty({x.size(0), shape.channels, shape.out_side, shape.out_side}, x.options(), at::MemoryFormat::ChannelsLast);
    float *to = out.data_ptr<float>();
    const float *from = x.const_data_ptr<float>(), *w = weight.const_data_ptr<float>(), *b = bias.const_data_ptr<float>();
    of[shape.kernel == 5][shape.stride == 2](to, from, w, b, shape, x.size(0) * shape.out_side);
    return out;
}

} // namespace desy
