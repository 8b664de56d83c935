#include "model/dense.hpp"

#include "model/product.hpp"

namespace desy {

void dense_room::open(int64_t rows, int64_t widest, bool in_bf16, const quantised_layers &in_8_bits)
{
    const size_t most = (size_t)((rows + 1) * (widest + 1));
    bf16 = in_bf16;
    quantised = &in_8_bits;
    turned = memory.take(most);
    if (!bf16) return;
    a = memory.take<uint16_t>(most);
    b = memory.take<uint32_t>(most);
}

void dense::open(dense_room *shared, const float *values, int64_t outputs, int64_t inputs)
{
    room = shared, weight = values, out = outputs, in = inputs;
    const auto found = room->quantised->find(weight);
    if (found != room->quantised->end()) quantised = &found->second;
    turned = room->memory.take((size_t)(in * out));
    if (!room->bf16) return;
    pairs = room->memory.take<uint32_t>((size_t)(bf16_depth(out) / 2 * in));
    turned_pairs = room->memory.take<uint32_t>((size_t)(bf16_depth(in) / 2 * out));
}

void dense::prepare()
{
    if (quantised) return;
    transpose(turned, {weight, in}, out, in);
    if (!room->bf16) return;
    pair_to_bf16(pairs, {weight, in}, out, in);
    pair_to_bf16(turned_pairs, {turned, out}, in, out);
}

void dense::forward(float *y, const float *x, int64_t rows) const
{
    if (quantised) return quantised->add_to(y, x, rows);
    if (!room->bf16) return product(y, out, {x, in}, {turned, out}, rows, out, in, true);
    round_to_bf16(room->a, {x, in}, rows, in);
    product_of_bf16(y, out, room->a, turned_pairs, rows, out, in, true);
}

void dense::input_gradient(float *dx, const float *dy, int64_t rows) const
{
    if (!room->bf16) return product(dx, in, {dy, out}, {weight, in}, rows, in, out, false);
    round_to_bf16(room->a, {dy, out}, rows, out);
    product_of_bf16(dx, in, room->a, pairs, rows, in, out, false);
}

void dense::weight_gradient(float *gradient, const float *dy, const float *x, int64_t rows) const
{
    transpose(room->turned, {dy, out}, rows, out);
    if (!room->bf16) return product(gradient, in, {room->turned, rows}, {x, in}, out, in, rows, false);
    round_to_bf16(room->a, {room->turned, rows}, out, rows);
    pair_to_bf16(room->b, {x, in}, rows, in);
    product_of_bf16(gradient, in, room->a, room->b, out, in, rows, false);
}

} // namespace desy
