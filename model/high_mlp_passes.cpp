/* The passes of model/high_mlp.cpp on the CPU. Activations are transposed, (units, n): then no weight ever is. */
#include "model/high_mlp.hpp"

#include "model/product.hpp"
#include "model/rows.hpp"

#include <cstring>

namespace desy {
namespace {

constexpr int hidden = 2; /* layers */
constexpr int64_t units[hidden] = {high_mlp_widths[0], high_mlp_widths[1]};

class high_mlp_cpu final : public passes {
public:
    high_mlp_cpu(const float *parameters, int inputs, int most) : parameters(parameters), inputs(inputs)
    {
        const auto of = [this, most](int64_t n) { return memory.take((size_t)(most * n)); };
        turned_x = of(inputs);
        for (int l = 0; l < hidden; l++) y[l] = of(units[l]), rows[l] = of(units[l]), factors[l] = of(units[l]), d[l] = of(units[l]);
        turned = of(units[0]);
    }

    void prepare() override {}

    void forward(float *logits, const float *in, const int32_t *, int items, const dropout_rule &dropout) override
    {
        const float *weight = parameters, *from = turned_x;
        x = in, n = items;
        transpose(turned_x, {x, inputs}, n, inputs);
        for (int l = 0; l < hidden; l++) {
            const int64_t of = l == 0 ? inputs : units[l - 1];
            product(y[l], n, {weight, of}, {from, n}, units[l], n, of, false);
            weight += units[l] * of;
            dropout_factors(factors[l], dropout, n, units[l], l);
            rectify(l, weight);
            weight += units[l];
            from = y[l];
        }
        product(logits, n, {weight, units[hidden - 1]}, {from, n}, 1, n, units[hidden - 1], false);
        for (int64_t i = 0; i < n; i++) logits[i] += weight[units[hidden - 1]];
    }

    void backward(float *gradient, const float *d_logits) override
    {
        const int64_t last = units[hidden - 1];
        float *g_logit = gradient + units[0] * inputs + units[0] + units[1] * units[0] + units[1], *g1 = gradient + units[0] * inputs + units[0];
        const float *logit = parameters + (g_logit - gradient), *w1 = parameters + (g1 - gradient);
        for (int l = 0; l < hidden; l++) transpose(rows[l], {y[l], n}, units[l], n);
        product(g_logit, last, {d_logits, n}, {rows[1], last}, 1, last, n, false);
        g_logit[last] = 0;
        for (int64_t i = 0; i < n; i++) g_logit[last] += d_logits[i];
        product(d[1], last, {d_logits, 1}, {logit, last}, n, last, 1, false);
        layer_backward(1, g1, rows[0], units[0]);
        product(d[0], units[0], {d[1], last}, {w1, units[0]}, n, units[0], last, false);
        layer_backward(0, gradient, x, inputs);
    }

private:
    /* bias, ReLU and dropout, in place */
    void rectify(int l, const float *bias)
    {
        for (int64_t u = 0; u < units[l]; u++)
            for (int64_t i = 0; i < n; i++) {
                float &value = y[l][(size_t)(u * n + i)];
                value += bias[u];
                value = value > 0 ? value * factors[l][(size_t)(i * units[l] + u)] : 0;
            }
    }

    /* d[l] (n, units), of what left the layer, becomes that of what entered its ReLU; from it the gradients of weight and bias. */
    void layer_backward(int l, float *gradient, const float *in, int64_t of)
    {
        for (int64_t i = 0; i < n * units[l]; i++) {
            const size_t k = (size_t)i;
            d[l][k] = rows[l][k] > 0 ? d[l][k] * factors[l][k] : 0;
        }
        transpose(turned, {d[l], units[l]}, n, units[l]);
        product(gradient, of, {turned, n}, {in, of}, units[l], of, n, false);
        sum_rows(gradient + units[l] * of, d[l], n, units[l]);
    }

    const float *const parameters;
    const int64_t inputs;
    arena memory;
    float *turned_x, *y[hidden], *rows[hidden], *factors[hidden], *d[hidden], *turned; /* y: (units, n); rows: y, transposed */
    const float *x = nullptr;
    int64_t n = 0;
};

} // namespace

/* Always in float32: its time goes into reading weights and writing their gradients, which bfloat16 does not shorten. */
std::unique_ptr<passes> high_mlp_passes(const float *parameters, int, int inputs, int most, bool, const quantised_layers &quantised)
{
    if (!quantised.empty()) return nullptr; /* of one row at a time: nothing but the products takes time */
    return std::make_unique<high_mlp_cpu>(parameters, inputs, most);
}

} // namespace desy
