/* The passes of model/mid_transformer.cpp on the CPU. A row is a frame: n items have n T of them. */
#include "model/mid_transformer.hpp"

#include "model/dense.hpp"
#include "model/product.hpp"
#include "model/rows.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace desy {
namespace {

constexpr int64_t width = mid_transformer_width, heads = mid_transformer_heads, feed = mid_transformer_feed, head_width = width / heads, three = 3 * width;
constexpr int layers = mid_transformer_layers;
const float head_scale = (float)(1 / std::sqrt((double)head_width)), pool_scale = (float)(1 / std::sqrt((double)width));

/* Tensors of the plan, or their gradients, in a flat buffer. */
template <class F> struct tensors {
    F *projection, *projection_bias, *positions, *norm, *norm_bias, *pool, *logit, *logit_bias;
    struct of_layer {
        F *norm1, *norm1_bias, *in, *in_bias, *out, *out_bias, *norm2, *norm2_bias, *feed0, *feed0_bias, *feed1, *feed1_bias;
    } layer[layers];

    tensors(F *at, int64_t frames, int64_t inputs)
    {
        auto take = [&at](int64_t n) { return (at += n) - n; };
        auto linear = [&take](F *&weight, F *&bias, int64_t in, int64_t out) { weight = take(in * out), bias = take(out); };
        linear(projection, projection_bias, inputs, width);
        positions = take(frames * width);
        for (auto &l : layer) {
            l.norm1 = take(width), l.norm1_bias = take(width);
            linear(l.in, l.in_bias, width, three);
            linear(l.out, l.out_bias, width, width);
            l.norm2 = take(width), l.norm2_bias = take(width);
            linear(l.feed0, l.feed0_bias, width, feed);
            linear(l.feed1, l.feed1_bias, feed, width);
        }
        norm = take(width), norm_bias = take(width);
        pool = take(width);
        linear(logit, logit_bias, width, 1);
    }
};

/* A layer, and what it leaves for its backward pass: rows of each. */
struct kept_layer {
    float *normal1, *inverse1, *normed1, *qkv, *shares, *attended, *normal2, *inverse2, *normed2, *hidden, *slope;
    dense in, out, feed0, feed1;
};

class mid_transformer_cpu final : public passes {
public:
    mid_transformer_cpu(const float *parameters, int frames, int inputs, int most, bool bf16, const quantised_layers &quantised)
        : frames(frames), inputs(inputs), padded((frames + 15) / 16 * 16), p(parameters, frames, inputs)
    {
        const int64_t most_rows = (int64_t)most * frames, widest = std::max({(int64_t)inputs, three, feed});
        room.open(most_rows, widest, bf16, quantised);
        const auto of = [this, most_rows](int64_t n) { return room.memory.take((size_t)(most_rows * n)); };
        projection.open(&room, p.projection, width, inputs);
        for (int l = 0; l < layers; l++) {
            kept_layer &k = kept[l];
            k.normal1 = of(width), k.inverse1 = of(1), k.normed1 = of(width), k.qkv = of(three), k.shares = of(heads * padded), k.attended = of(width);
            k.normal2 = of(width), k.inverse2 = of(1), k.normed2 = of(width), k.hidden = of(feed), k.slope = of(feed);
            k.in.open(&room, p.layer[l].in, three, width);
            k.out.open(&room, p.layer[l].out, width, width);
            k.feed0.open(&room, p.layer[l].feed0, feed, width);
            k.feed1.open(&room, p.layer[l].feed1, width, feed);
        }
        y = of(width), normal = of(width), inverse = of(1), normed = of(width), dy = of(width), d_rows = of(width), d_wide = of(std::max(three, feed));
        share = room.memory.take((size_t)(most * padded)), d_share = room.memory.take((size_t)(most * padded));
        pooled = room.memory.take((size_t)(most * width)), d_pooled = room.memory.take((size_t)(most * width)), factors = room.memory.take((size_t)(most * width));
        square = room.memory.take((size_t)(padded * padded)), tall = room.memory.take((size_t)(padded * std::max(padded, head_width)));
        lengths.resize((size_t)most);
    }

    void prepare() override
    {
        projection.prepare();
        for (kept_layer &k : kept) k.in.prepare(), k.out.prepare(), k.feed0.prepare(), k.feed1.prepare();
    }

    void forward(float *logits, const float *in, const int32_t *of_items, int items, const dropout_rule &dropout) override
    {
        x = in, n = items, rows = n * frames;
        for (int64_t i = 0; i < n; i++) lengths[(size_t)i] = of_items ? of_items[i] : (int32_t)frames;
        for (int64_t i = 0; i < n; i++)
            for (int64_t t = 0; t < frames; t++)
                for (int64_t k = 0; k < width; k++) y[(i * frames + t) * width + k] = p.positions[t * width + k] + p.projection_bias[k];
        projection.forward(y, x, rows);
        for (int l = 0; l < layers; l++) attend(l), feed_forward(l);
        layer_norm(normed, normal, inverse, y, p.norm, p.norm_bias, rows, width);
        pool_frames(logits, dropout);
    }

    void backward(float *gradient, const float *d_logits) override
    {
        const tensors<float> g(gradient, frames, inputs);
        memset(dy, 0, (size_t)(rows * width) * sizeof(float));
        pool_frames_backward(g, d_logits);
        layer_norm_backward(dy, g.norm, g.norm_bias, d_rows, normal, inverse, p.norm, rows, width);
        for (int l = layers - 1; l >= 0; l--) feed_forward_backward(l, g.layer[l]), attend_backward(l, g.layer[l]);
        sum_rows(g.projection_bias, dy, rows, width);
        sum_rows(g.positions, dy, n, frames * width);
        projection.weight_gradient(g.projection, dy, x, rows);
    }

private:
    void attend(int l)
    {
        kept_layer &k = kept[l];
        const auto &w = p.layer[l];
        layer_norm(k.normed1, k.normal1, k.inverse1, y, w.norm1, w.norm1_bias, rows, width);
        set_rows(k.qkv, w.in_bias, rows, three);
        k.in.forward(k.qkv, k.normed1, rows);
        for (int64_t i = 0; i < n; i++)
            for (int64_t h = 0; h < heads; h++) {
                const float *queries = k.qkv + i * frames * three + h * head_width, *keys = queries + width, *values = keys + width;
                float *shares = k.shares + (i * heads + h) * frames * padded;
                transpose(tall, {keys, three}, frames, head_width);
                product(shares, padded, {queries, three}, {tall, frames}, frames, frames, head_width, false);
                softmax(shares, head_scale, frames, padded, lengths[(size_t)i]);
                product(k.attended + i * frames * width + h * head_width, width, {shares, padded}, {values, three}, frames, head_width, frames, false);
            }
        add_to_rows(y, w.out_bias, rows, width);
        k.out.forward(y, k.attended, rows);
    }

    void attend_backward(int l, const tensors<float>::of_layer &g)
    {
        const kept_layer &k = kept[l];
        const auto &w = p.layer[l];
        sum_rows(g.out_bias, dy, rows, width);
        k.out.weight_gradient(g.out, dy, k.attended, rows);
        k.out.input_gradient(d_rows, dy, rows);
        for (int64_t i = 0; i < n; i++)
            for (int64_t h = 0; h < heads; h++) {
                const int64_t at = i * frames * three + h * head_width;
                head_backward(d_wide + at, k.qkv + at, k.shares + (i * heads + h) * frames * padded, d_rows + i * frames * width + h * head_width);
            }
        sum_rows(g.in_bias, d_wide, rows, three);
        k.in.weight_gradient(g.in, d_wide, k.normed1, rows);
        k.in.input_gradient(d_rows, d_wide, rows);
        layer_norm_backward(dy, g.norm1, g.norm1_bias, d_rows, k.normal1, k.inverse1, w.norm1, rows, width);
    }

    /* Of one head of one item: gradients of its queries, and of its keys and values beside them, from that of what it attended to (frames, head_width). */
    void head_backward(float *d_queries, const float *queries, const float *shares, const float *d_attended)
    {
        const float *keys = queries + width, *values = keys + width;
        float *d_keys = d_queries + width, *d_values = d_keys + width, *d_shares = square;
        transpose(tall, {values, three}, frames, head_width);
        for (int64_t t = 0; t < frames; t++) std::fill(d_shares + t * padded + frames, d_shares + (t + 1) * padded, 0.f);
        product(d_shares, padded, {d_attended, width}, {tall, frames}, frames, frames, head_width, false);
        softmax_backward(d_shares, shares, head_scale, frames, padded);
        product(d_queries, three, {d_shares, padded}, {keys, three}, frames, head_width, frames, false);
        transpose(tall, {d_shares, padded}, frames, frames);
        product(d_keys, three, {tall, frames}, {queries, three}, frames, head_width, frames, false);
        transpose(tall, {shares, padded}, frames, frames);
        product(d_values, three, {tall, frames}, {d_attended, width}, frames, head_width, frames, false);
    }

    void feed_forward(int l)
    {
        kept_layer &k = kept[l];
        const auto &w = p.layer[l];
        layer_norm(k.normed2, k.normal2, k.inverse2, y, w.norm2, w.norm2_bias, rows, width);
        set_rows(k.hidden, w.feed0_bias, rows, feed);
        k.feed0.forward(k.hidden, k.normed2, rows);
        gelu(k.hidden, k.slope, rows * feed);
        add_to_rows(y, w.feed1_bias, rows, width);
        k.feed1.forward(y, k.hidden, rows);
    }

    void feed_forward_backward(int l, const tensors<float>::of_layer &g)
    {
        const kept_layer &k = kept[l];
        const auto &w = p.layer[l];
        sum_rows(g.feed1_bias, dy, rows, width);
        k.feed1.weight_gradient(g.feed1, dy, k.hidden, rows);
        k.feed1.input_gradient(d_wide, dy, rows);
        multiply(d_wide, k.slope, rows * feed);
        sum_rows(g.feed0_bias, d_wide, rows, feed);
        k.feed0.weight_gradient(g.feed0, d_wide, k.normed2, rows);
        k.feed0.input_gradient(d_rows, d_wide, rows);
        layer_norm_backward(dy, g.norm2, g.norm2_bias, d_rows, k.normal2, k.inverse2, w.norm2, rows, width);
    }

    /* Each frame that is there has a share of its clip; the logit is linear in their mean. */
    void pool_frames(float *logits, const dropout_rule &dropout)
    {
        dropout_factors(factors, dropout, n, width, 0);
        memset(pooled, 0, (size_t)(n * width) * sizeof(float));
        for (int64_t i = 0; i < n; i++) {
            float *of = share + i * padded, *sum = pooled + i * width;
            for (int64_t t = 0; t < frames; t++) of[t] = dot(normed + (i * frames + t) * width, p.pool, width);
            softmax(of, pool_scale, 1, padded, lengths[(size_t)i]);
            for (int64_t t = 0; t < lengths[(size_t)i]; t++) add_scaled(sum, normed + (i * frames + t) * width, of[t], width);
            multiply(sum, factors + i * width, width);
            logits[i] = dot(sum, p.logit, width) + *p.logit_bias;
        }
    }

    /* d_rows: of the normed rows. */
    void pool_frames_backward(const tensors<float> &g, const float *d_logits)
    {
        memset(g.pool, 0, width * sizeof(float));
        memset(g.logit, 0, width * sizeof(float));
        *g.logit_bias = 0;
        for (int64_t i = 0; i < n; i++) {
            const float *of = share + i * padded;
            float *d = d_share + i * padded, *d_sum = d_pooled + i * width;
            *g.logit_bias += d_logits[i];
            add_scaled(g.logit, pooled + i * width, d_logits[i], width);
            for (int64_t k = 0; k < width; k++) d_sum[k] = d_logits[i] * p.logit[k] * factors[i * width + k];
            std::fill(d, d + padded, 0.f);
            for (int64_t t = 0; t < frames; t++) d[t] = dot(normed + (i * frames + t) * width, d_sum, width);
            softmax_backward(d, of, pool_scale, 1, padded);
            for (int64_t t = 0; t < frames; t++) {
                float *row = d_rows + (i * frames + t) * width;
                for (int64_t k = 0; k < width; k++) row[k] = of[t] * d_sum[k] + d[t] * p.pool[k];
                add_scaled(g.pool, normed + (i * frames + t) * width, d[t], width);
            }
        }
    }

    const int64_t frames, inputs, padded; /* frames in a row of shares: a multiple of 16 */
    const tensors<const float> p;
    kept_layer kept[layers];
    dense_room room;
    dense projection;
    float *y, *normal, *inverse, *normed, *dy, *d_rows, *d_wide, *share, *d_share, *pooled, *d_pooled, *factors, *square, *tall;
    std::vector<int32_t> lengths;
    const float *x = nullptr;
    int64_t n = 0, rows = 0;
};

} // namespace

std::unique_ptr<passes> mid_transformer_passes(const float *parameters, int frames, int inputs, int most, bool bf16, const quantised_layers &quantised)
{
    return std::make_unique<mid_transformer_cpu>(parameters, frames, inputs, most, bf16, quantised);
}

} // namespace desy
