#include "model/quantised.hpp"

#include "model/product.hpp"
#include "model/rows.hpp"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <stdexcept>

namespace desy {
namespace {

using prepack = c10::intrusive_ptr<LinearPackedParamsBase>(at::Tensor, std::optional<at::Tensor>);

/* Never QNNPACK, which is made for telephones. The engine is a setting of the whole process that counts where weights are packed. */
void choose_engine()
{
    const std::vector<at::QEngine> &supported = at::Context::supportedQEngines();
    for (at::QEngine engine : {at::QEngine::X86, at::QEngine::FBGEMM, at::QEngine::ONEDNN})
        if (std::find(supported.begin(), supported.end(), engine) != supported.end()) return at::globalContext().setQEngine(engine);
    throw std::runtime_error("this libtorch has no engine for products in 8 bits (x86, FBGEMM or oneDNN): take the model that was quantised");
}

/* What libtorch says of the names of its types is nothing that a user could act on. */
struct silence final : c10::WarningHandler {
    void process(const c10::Warning &) override {}
};

} // namespace

quantised_layer::quantised_layer(std::vector<int8_t> of_levels, std::vector<float> of_scales) : levels(std::move(of_levels)), scales(std::move(of_scales))
{
    const int64_t out = (int64_t)scales.size(), in = (int64_t)levels.size() / out;
    if (int8_products_work()) {
        fours.resize((size_t)(int8_depth(in) * out));
        fours_of_int8(fours.data(), levels.data(), out, in);
        for (int64_t o = 0; o < out; o++) sums.push_back(std::accumulate(levels.begin() + o * in, levels.begin() + (o + 1) * in, 0));
        return;
    }
    silence silent;
    const c10::WarningUtils::WarningHandlerGuard guard(&silent);
    const at::Tensor whole = at::from_blob(levels.data(), {out, in}, at::kChar), each = at::from_blob(scales.data(), {out}, at::kFloat).to(at::kDouble);
    choose_engine();
    static const auto pack = c10::Dispatcher::singleton().findSchemaOrThrow("quantized::linear_prepack", "").typed<prepack>();
    const std::optional<at::Tensor> no_bias = at::zeros({out}); /* it is added by whoever multiplies */
    packed = pack.call(at::_make_per_channel_quantized_tensor(whole, each, at::zeros({out}, at::kLong), 0), no_bias);
}

void quantised_layer::add_to(float *y, const float *x, int64_t rows) const
{
    const int64_t out = (int64_t)scales.size(), in = (int64_t)levels.size() / out;
    if (packed) {
        const at::Tensor products = packed->apply_dynamic(at::from_blob(const_cast<float *>(x), {rows, in}, at::kFloat), true).contiguous();
        return add_scaled(y, products.const_data_ptr<float>(), 1, rows * out);
    }
    const std::unique_ptr<uint8_t[]> a(new uint8_t[(size_t)(rows * int8_depth(in))]);
    const std::unique_ptr<int32_t[]> products(new int32_t[(size_t)(rows * out)]);
    const int8_rule rule = round_to_int8(a.get(), x, rows, in);
    product_of_int8(products.get(), a.get(), fours.data(), rows, out, in);
    add_int8_products(y, products.get(), rule, sums.data(), scales.data(), rows, out);
}

at::Tensor quantised_layer::operator()(const at::Tensor &x, const at::Tensor &bias) const
{
    const int64_t out = (int64_t)scales.size(), rows = x.numel() / x.size(-1);
    const at::Tensor y = bias.defined() ? bias.expand({rows, out}).clone(at::MemoryFormat::Contiguous) : at::zeros({rows, out});
    std::vector<int64_t> shape = x.sizes().vec();
    shape.back() = out;
    add_to(y.data_ptr<float>(), x.contiguous().const_data_ptr<float>(), rows);
    return y.view(shape);
}

quantised_layer quantise(const float *weight, int64_t out, int64_t in)
{
    std::vector<int8_t> levels((size_t)(out * in));
    std::vector<float> scales((size_t)out);
    for (int64_t o = 0; o < out; o++) {
        float most = 0;
        for (int64_t i = 0; i < in; i++) most = std::max(most, std::fabs(weight[o * in + i]));
        const float scale = scales[(size_t)o] = most > 0 ? most / 127 : 1;
        for (int64_t i = 0; i < in; i++) levels[(size_t)(o * in + i)] = (int8_t)std::lrint(weight[o * in + i] / scale);
    }
    return quantised_layer(std::move(levels), std::move(scales));
}

} // namespace desy
