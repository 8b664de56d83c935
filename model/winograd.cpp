#include "model/winograd.hpp"

#include "model/vector.hpp"

#include <ATen/ATen.h>
#include <algorithm>

namespace desy {
namespace {

constexpr int reach = 6, made = 4, points = reach * reach; /* of a tile: inputs a side, outputs a side, products a channel */
constexpr int block = 32;                                  /* tiles that go through the three steps together, so that what is between stays in the cache */
constexpr int rows = 8, columns = 2, width = columns * lanes; /* sums that are held in registers: of 8 tiles, 32 channels of output */
constexpr int smallest_side = 14;

#ifdef __x86_64__
#define DESY_WIDE __attribute__((target("avx512f")))
#else
#define DESY_WIDE
#endif

struct picture {
    const float *x;
    float *out;
    const float *bias;
    int in, channels, side, across; /* across: tiles in a row */
};

struct place {
    const float *x;
    float *out;
    int top, left; /* of the outputs */
};

place place_of(const picture &p, int64_t tile)
{
    const int64_t a_picture = (int64_t)p.across * p.across, n = tile / a_picture;
    const int inside = (int)(tile % a_picture);
    return {p.x + n * p.side * p.side * p.in, p.out + n * p.side * p.side * p.channels, inside / p.across * made, inside % p.across * made};
}

/* B' d for one column of six. */
template <int Step> DESY_WIDE DESY_INLINE void spread(vector *t, const vector *d)
{
    const vector a = d[4 * Step] - 4 * d[2 * Step], b = d[3 * Step] - 4 * d[Step], c = d[4 * Step] - d[2 * Step], e = 2 * (d[3 * Step] - d[Step]);
    t[0] = 4 * d[0] - 5 * d[2 * Step] + d[4 * Step];
    t[Step] = a + b;
    t[2 * Step] = a - b;
    t[3 * Step] = c + e;
    t[4 * Step] = c - e;
    t[5 * Step] = 4 * d[Step] - 5 * d[3 * Step] + d[5 * Step];
}

/* A' m for one column of six; the first four of the result count. */
template <int Step> DESY_WIDE DESY_INLINE void gather(vector *y, const vector *m)
{
    const vector s = m[Step] + m[2 * Step], d = m[Step] - m[2 * Step], s2 = m[3 * Step] + m[4 * Step], d2 = m[3 * Step] - m[4 * Step];
    y[0] = m[0] + s + s2;
    y[Step] = d + 2 * d2;
    y[2 * Step] = s + 4 * s2;
    y[3 * Step] = d + 8 * d2 + m[5 * Step];
}

/* B' d B of `count` tiles: spread (points, block, in). */
DESY_WIDE void transform_input(float *spread_out, const picture &p, int64_t first, int count)
{
    for (int t = 0; t < count; t++) {
        const place at = place_of(p, first + t);
        for (int c = 0; c < p.in; c += lanes) {
            vector d[points], half[points];
            for (int i = 0; i < points; i++) {
                const int y = at.top - 1 + i / reach, x = at.left - 1 + i % reach;
                if (y < 0 || y >= p.side || x < 0 || x >= p.side) d[i] = vector{};
                else load(d[i], at.x + ((ptrdiff_t)y * p.side + x) * p.in + c);
            }
            for (int i = 0; i < reach; i++) spread<reach>(half + i, d + i);
            for (int i = 0; i < reach; i++) spread<1>(d + i * reach, half + i * reach);
            for (int i = 0; i < points; i++) store(spread_out + ((ptrdiff_t)i * block + t) * p.in + c, d[i]);
        }
    }
}

/* sums (block, width) = inputs (block, in) times weight (in, width), for one point and `count` tiles. */
DESY_WIDE void multiply(float *sums, const float *inputs, const float *weight, int in, int count)
{
    for (int t = 0; t < count; t += rows) {
        vector sum[rows][columns] = {}, w[columns];
        const float *from = inputs + (ptrdiff_t)t * in;
        for (int k = 0; k < in; k++) {
            load(w[0], weight + (ptrdiff_t)k * width);
            load(w[1], weight + (ptrdiff_t)k * width + lanes);
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                sum[r][0] += w[0] * from[(ptrdiff_t)r * in + k];
                sum[r][1] += w[1] * from[(ptrdiff_t)r * in + k];
            }
        }
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            store(sums + (ptrdiff_t)(t + r) * width, sum[r][0]);
            store(sums + (ptrdiff_t)(t + r) * width + lanes, sum[r][1]);
        }
    }
}

/* max(0, A' m A + bias) of `count` tiles and channels `channel` .. `channel` + width - 1. sums (points, block, width). */
DESY_WIDE void transform_output(const picture &p, const float *sums, int64_t first, int count, int channel)
{
    const vector zero = {};
    for (int t = 0; t < count; t++) {
        const place at = place_of(p, first + t);
        const int high = std::min(made, p.side - at.top), wide = std::min(made, p.side - at.left);
        for (int c = 0; c < width; c += lanes) {
            vector m[points], half[points], bias;
            load(bias, p.bias + channel + c);
            for (int i = 0; i < points; i++) load(m[i], sums + ((ptrdiff_t)i * block + t) * width + c);
            for (int i = 0; i < reach; i++) gather<reach>(half + i, m + i);
            for (int i = 0; i < made; i++) gather<1>(m + i * reach, half + i * reach);
            for (int y = 0; y < high; y++)
                for (int x = 0; x < wide; x++) {
                    const vector value = m[y * reach + x] + bias;
                    store(at.out + ((ptrdiff_t)(at.top + y) * p.side + at.left + x) * p.channels + channel + c, value > zero ? value : zero);
                }
        }
    }
}

} // namespace

bool winograd_fits(int in, int out, int side)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx512f") && in % width == 0 && out % width == 0 && side >= smallest_side;
#else
    (void)in, (void)out, (void)side;
    return false;
#endif
}

at::Tensor winograd_weight(const at::Tensor &taps)
{
    const at::Tensor g = at::tensor({1. / 4, 0., 0., -1. / 6, -1. / 6, -1. / 6, -1. / 6, 1. / 6, -1. / 6, 1. / 24, 1. / 12, 1. / 6, 1. / 24, -1. / 12, 1. / 6, 0., 0., 1.},
                                    at::kDouble).view({reach, 3});
    const int64_t out = taps.size(0), in = taps.size(1);
    /* (out, in, 6, 6) -> (out / width, points, in, width) */
    const at::Tensor spread_taps = at::matmul(at::matmul(g, taps.to(at::kDouble)), g.t()).reshape({out / width, width, in, points});
    return spread_taps.permute({0, 3, 2, 1}).to(at::kFloat).contiguous();
}

at::Tensor winograd_relu(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias)
{
    TORCH_CHECK(x.is_contiguous(at::MemoryFormat::ChannelsLast) && x.scalar_type() == at::kFloat, "a Winograd convolution takes float32, channels last");
    const int side = (int)x.size(2), in = (int)x.size(1), out = (int)bias.size(0), across = (side + made - 1) / made;
    at::Tensor result = at::empty({x.size(0), out, side, side}, x.options(), at::MemoryFormat::ChannelsLast);
    const picture p = {x.const_data_ptr<float>(), result.data_ptr<float>(), bias.const_data_ptr<float>(), in, out, side, across};
    /* Rows beyond the last tile are multiplied too, and never read: they must only be numbers. */
    at::Tensor inputs = at::zeros({points, block, in}), sums = at::empty({points, block, width});
    const float *w = weight.const_data_ptr<float>();
    const int64_t tiles = x.size(0) * across * across;
    for (int64_t first = 0; first < tiles; first += block) {
        const int count = (int)std::min((int64_t)block, tiles - first);
        transform_input(inputs.data_ptr<float>(), p, first, count);
        for (int channel = 0; channel < out; channel += width) {
            for (int i = 0; i < points; i++)
                multiply(sums.data_ptr<float>() + (ptrdiff_t)i * block * width, inputs.const_data_ptr<float>() + (ptrdiff_t)i * block * in,
                         w + ((ptrdiff_t)channel / width * points + i) * in * width, in, count);
            transform_output(p, sums.const_data_ptr<float>(), first, count, channel);
        }
    }
    return result;
}

} // namespace desy
