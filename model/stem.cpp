#include "model/stem.hpp"

#include "base/cpu.h"
#include "model/vector.hpp"

#include <ATen/ATen.h>
#include <algorithm>

namespace desy {
namespace {

constexpr int tile = 7, kernel = 3, stride = 2, in = 3, channels = 32;

/* `tile` outputs of one row. x: the first input under the kernel; `rows` of the kernel lie inside the picture; with Edge the last
 * column of the last output does not. */
template <bool Edge, class T> DESY_INLINE void tile_of_row(T *out, const float *x, const float *weight, const float *bias, int side, int rows)
{
    vector low[tile], high[tile], w[2];
    load(w[0], bias);
    load(w[1], bias + lanes);
#pragma GCC unroll 7
    for (int i = 0; i < tile; i++) low[i] = w[0], high[i] = w[1];
    for (int ky = 0; ky < rows; ky++)
        for (int k = 0; k < kernel * in; k++) { /* column and channel */
            const float *row = x + (ptrdiff_t)ky * side * in + k, *taps = weight + (ky * kernel * in + k) * channels;
            load(w[0], taps);
            load(w[1], taps + lanes);
#pragma GCC unroll 7
            for (int i = 0; i < tile; i++) {
                if (Edge && i == tile - 1 && k >= 2 * in) continue;
                const float value = row[i * stride * in];
                low[i] += w[0] * value;
                high[i] += w[1] * value;
            }
        }
#pragma GCC unroll 7
    for (int i = 0; i < tile; i++) {
        relu6(low[i]);
        relu6(high[i]);
        store(out + i * channels, low[i]);
        store(out + i * channels + lanes, high[i]);
    }
}

template <class T> DESY_INLINE void rows(T *out, const float *x, const float *weight, const float *bias, int side, int64_t count)
{
    const int out_side = side / stride;
    for (int64_t r = 0; r < count; r++) {
        const int top = (int)(r % out_side) * stride;
        const float *row = x + ((r / out_side) * side + top) * side * in;
        for (int i = 0; i < out_side; i += tile) {
            T *o = out + (r * out_side + i) * channels;
            const float *under = row + i * stride * in;
            if (i + tile < out_side) tile_of_row<false>(o, under, weight, bias, side, std::min(kernel, side - top));
            else tile_of_row<true>(o, under, weight, bias, side, std::min(kernel, side - top));
        }
    }
}

DESY_VECTOR_CLONES void rows_float(float *out, const float *x, const float *weight, const float *bias, int side, int64_t count)
{
    rows(out, x, weight, bias, side, count);
}

DESY_VECTOR_CLONES void rows_bfloat16(uint16_t *out, const float *x, const float *weight, const float *bias, int side, int64_t count)
{
    rows(out, x, weight, bias, side, count);
}

} // namespace

at::Tensor stem_relu6(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, at::ScalarType type)
{
    TORCH_CHECK(x.is_contiguous(at::MemoryFormat::ChannelsLast) && x.scalar_type() == at::kFloat && x.size(2) % (stride * tile) == 0,
                "the first convolution takes float32, channels last, of a side that 14 divides");
    const int side = (int)x.size(2), out_side = side / stride;
    at::Tensor out = at::empty({x.size(0), channels, out_side, out_side}, x.options().dtype(type), at::MemoryFormat::ChannelsLast);
    const float *from = x.const_data_ptr<float>(), *w = weight.const_data_ptr<float>(), *b = bias.const_data_ptr<float>();
    void *to = out.data_ptr();
    const int64_t count = x.size(0) * out_side;
    if (type == at::kFloat) rows_float((float *)to, from, w, b, side, count);
    else rows_bfloat16((uint16_t *)to, from, w, b, side, count);
    return out;
}

} // namespace desy
