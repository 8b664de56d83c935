#include "model/inverted_residual.hpp"

#include "model/product.hpp"
#include "model/rows.hpp"
#include "model/vector.hpp"

#include <ATen/ATen.h>
#include <algorithm>

namespace desy {
namespace {

constexpr int64_t most_channels = 64;         /* of a part: with the pixels below, 32 KB */
constexpr int64_t most_floats = 96 << 10;     /* of a part's padded input of the depthwise convolution; with its output they fill a second cache of .75 MB */
constexpr int64_t most_pixels = 128;          /* that are expanded at once */

/* The two loops between the products, for vectors of 512 and of 256 bits. A plane has 16 channels of each pixel side by side: `plane` numbers lie between one and the next. */
struct loops {
    /* Pixels of `channels` numbers each, min(max(x + bias, 0), 6), go to the planes. */
    void (*add_and_cut)(float *planes, int64_t plane, const float *x, const float *bias, int64_t pixels, int64_t channels);
    /* out (rows, columns, channels) of planes whose rows have in_columns pixels; weight: a tap's channels are `wide` apart from the next's. [kernel of 5][stride of 2] */
    void (*convolve[2][2])(float *out, const float *planes, int64_t plane, const float *weight, const float *bias, int64_t wide, int64_t rows, int64_t columns, int64_t in_columns, int64_t channels);
};

template <class V> DESY_INLINE void cut(V &v)
{
    v = v < 0.f ? V{} : v;
    v = v > 6.f ? V{} + 6.f : v;
}

template <class V> DESY_INLINE void add_and_cut(float *planes, int64_t plane, const float *x, const float *bias, int64_t pixels, int64_t channels)
{
    constexpr int64_t n = sizeof(V) / sizeof(float);
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t c = 0; c < channels; c += n) {
            V b, v;
            load(b, bias + c);
            load(v, x + i * channels + c);
            v += b;
            cut(v);
            store(planes + c / lanes * plane + i * lanes + c % lanes, v);
        }
}

/* `count` outputs beside each other: as many sums that do not wait for each other. */
template <class V, int kernel, int stride, int count> DESY_INLINE void convolve_some(float *out, const float *in, const V *w, const V &bias, int64_t in_columns, int64_t channels)
{
    V sum[count] = {}, v;
#pragma GCC unroll 5
    for (int i = 0; i < kernel; i++)
#pragma GCC unroll 5
        for (int k = 0; k < kernel; k++)
#pragma GCC unroll 4
            for (int x = 0; x < count; x++) {
                load(v, in + (i * in_columns + x * stride + k) * lanes);
                sum[x] += v * w[i * kernel + k];
            }
#pragma GCC unroll 4
    for (int x = 0; x < count; x++) {
        sum[x] += bias;
        cut(sum[x]);
        store(out + x * channels, sum[x]);
    }
}

template <class V, int kernel, int stride>
DESY_INLINE void convolve(float *out, const float *planes, int64_t plane, const float *weight, const float *bias, int64_t wide, int64_t rows, int64_t columns, int64_t in_columns, int64_t channels)
{
    constexpr int64_t n = sizeof(V) / sizeof(float);
    for (int64_t c = 0; c < channels; c += n) {
        V w[kernel * kernel], b;
        for (int i = 0; i < kernel * kernel; i++) load(w[i], weight + i * wide + c);
        load(b, bias + c);
        for (int64_t y = 0; y < rows; y++) {
            const float *in = planes + c / lanes * plane + y * stride * in_columns * lanes + c % lanes;
            float *to = out + y * columns * channels + c;
            int64_t x = 0;
            for (; x + 4 <= columns; x += 4) convolve_some<V, kernel, stride, 4>(to + x * channels, in + x * stride * lanes, w, b, in_columns, channels);
            for (; x < columns; x++) convolve_some<V, kernel, stride, 1>(to + x * channels, in + x * stride * lanes, w, b, in_columns, channels);
        }
    }
}

#ifdef __x86_64__
#define DESY_LOOPS(NAME, TARGET, V)                                                                                                                 \
    template <class... A> __attribute__((target(TARGET))) void add_and_cut_##NAME(A... a) { add_and_cut<V>(a...); }                                 \
    template <int kernel, int stride, class... A> __attribute__((target(TARGET))) void convolve_##NAME(A... a) { convolve<V, kernel, stride>(a...); } \
    const loops NAME = {add_and_cut_##NAME, {{convolve_##NAME<3, 1>, convolve_##NAME<3, 2>}, {convolve_##NAME<5, 1>, convolve_##NAME<5, 2>}}};

DESY_LOOPS(of_512_bits, "arch=x86-64-v4", vector)
DESY_LOOPS(of_256_bits, "arch=x86-64-v3", half_vector)
#endif

/* nullptr: none for this processor. */
const loops *best_loops()
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("x86-64-v4")) return &of_512_bits;
    if (__builtin_cpu_supports("x86-64-v3")) return &of_256_bits;
#endif
    return nullptr;
}

at::Tensor floats_of(const at::Tensor &values)
{
    return values.to(at::kFloat).contiguous();
}

const float *at_channel(const at::Tensor &tensor, int64_t offset)
{
    return tensor.const_data_ptr<float>() + offset;
}

} // namespace

bool inverted_residual::fits(const placement &where)
{
    return where.fused && where.type == at::kFloat && best_loops();
}

inverted_residual::inverted_residual(const folded *expands, const folded &depth, const convolution_shape &shape, const folded &back)
    : in(expands ? expands->taps.size(1) : shape.in), wide(shape.in), out(back.taps.size(0)), kernel(shape.kernel), stride(shape.stride), before(shape.before), side(shape.side),
      out_side((side + stride - 1) / stride), padded_side((out_side - 1) * stride + kernel), shortcut(stride == 1 && in == out), depthwise(floats_of(depth.taps.permute({2, 3, 1, 0}))),
      depthwise_bias(floats_of(depth.bias)), project(floats_of(back.taps.view({out, wide}).t())), project_bias(floats_of(back.bias))
{
    if (expands) expand = floats_of(expands->taps.view({wide, in}).t()), expand_bias = floats_of(expands->bias);
    const int64_t parts = (wide + most_channels - 1) / most_channels;
    most.channels = (wide / lanes + parts - 1) / parts * lanes;
    const int64_t row = padded_side * most.channels, frames = most_floats / (padded_side * row), rows = (most_floats / row - kernel) / stride + 1;
    most.frames = std::max<int64_t>(frames, 1);
    const int64_t bands = (out_side + rows - 1) / rows;
    most.rows = (out_side + bands - 1) / bands;
}

/* Zeros around what there is of the input: `above` and `below` rows, and the columns beside the others. */
void inverted_residual::clear_margins(float *planes, int64_t count, int64_t height, int64_t above, int64_t below) const
{
    const int64_t row = padded_side * lanes, left = before * lanes, right = std::max<int64_t>(padded_side - before - side, 0) * lanes;
    for (float *plane = planes; plane < planes + count * height * row; plane += height * row) {
        std::fill_n(plane, above * row, 0.f);
        std::fill_n(plane + (height - below) * row, below * row, 0.f);
        for (float *line = plane + above * row; line < plane + (height - below) * row; line += row) {
            std::fill_n(line, left, 0.f);
            std::fill_n(line + row - right, right, 0.f);
        }
    }
}

/* padded (frames, channels / 16, height, padded_side, 16): the padded input of the depthwise convolution. */
void inverted_residual::widen(float *padded, float *room, const float *x, const part &of, int64_t height) const
{
    const int64_t top = of.row * stride - before, from = std::max<int64_t>(top, 0), to = std::min(top + height, side), plane = height * padded_side * lanes;
    clear_margins(padded, of.frames * of.channels / lanes, height, from - top, top + height - to);
    const int64_t shown = std::min(side, padded_side - before), lines = to - from, at_once = most_pixels / side;
    for (int64_t first = 0; first < of.frames * lines; first += at_once) { /* of several frames there are all lines: one after another */
        const int64_t count = std::min(at_once, of.frames * lines - first);
        const float *pixels = x + (from + first) * side * in;
        if (expand.defined()) product(room, of.channels, {pixels, in}, {at_channel(expand, of.channel), wide}, count * side, of.channels, in, false);
        for (int64_t i = 0; i < count; i++) {
            const int64_t frame = (first + i) / lines, line = from - top + (first + i) % lines;
            float *planes = padded + frame * of.channels / lanes * plane + (line * padded_side + before) * lanes;
            if (expand.defined()) best_loops()->add_and_cut(planes, plane, room + i * side * of.channels, at_channel(expand_bias, of.channel), shown, of.channels);
            else
                for (int64_t k = 0; k < shown; k++)
                    for (int64_t c = 0; c < of.channels; c += lanes) memcpy(planes + c / lanes * plane + k * lanes, pixels + (i * side + k) * in + of.channel + c, lanes * sizeof(float));
        }
    }
}

/* Adds what some of the wide channels give to y, whose first ones begin it. */
void inverted_residual::add_part(float *y, const float *x, const part &of, const rooms &in_rooms) const
{
    const int64_t height = (of.rows - 1) * stride + kernel, pixels = of.rows * out_side;
    widen(in_rooms.padded, in_rooms.expanded, x, of, height);
    const int64_t plane = height * padded_side * lanes;
    for (int64_t i = 0; i < of.frames; i++)
        best_loops()->convolve[kernel == 5][stride == 2](in_rooms.convolved + i * pixels * of.channels, in_rooms.padded + i * of.channels / lanes * plane, plane, at_channel(depthwise, of.channel),
                                                         at_channel(depthwise_bias, of.channel), wide, of.rows, out_side, padded_side, of.channels);
    product(y, out, {in_rooms.convolved, of.channels}, {at_channel(project, of.channel * out), out}, of.frames * pixels, out, of.channels, of.channel > 0);
}

at::Tensor inverted_residual::operator()(const at::Tensor &images) const
{
    const at::Tensor input = images.contiguous(at::MemoryFormat::ChannelsLast), output = at::empty({images.size(0), out, out_side, out_side}, images.options(), at::MemoryFormat::ChannelsLast);
    const at::Tensor room = at::empty({2 * most_floats + most_pixels * most_channels}, images.options());
    float *const padded = room.data_ptr<float>(), *const convolved = padded + most_floats, *const expanded = convolved + most_floats;
    for (int64_t n = 0; n < images.size(0); n += most.frames)
        for (int64_t row = 0; row < out_side; row += most.rows) {
            part of = {std::min(most.frames, images.size(0) - n), row, std::min(most.rows, out_side - row), 0, most.channels};
            const float *x = input.const_data_ptr<float>() + n * side * side * in;
            float *y = output.data_ptr<float>() + (n * out_side + row) * out_side * out;
            for (; of.channel < wide; of.channel += most.channels) {
                of.channels = std::min(most.channels, wide - of.channel);
                add_part(y, x, of, {padded, convolved, expanded});
            }
            const int64_t pixels = of.frames * of.rows * out_side;
            add_to_rows(y, project_bias.const_data_ptr<float>(), pixels, out);
            if (shortcut) add_scaled(y, x + row * side * in, 1, pixels * out);
        }
    return output;
}

} // namespace desy
