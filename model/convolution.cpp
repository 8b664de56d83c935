#include "model/convolution.hpp"

#include "base/log.h"
#include "model/operators.hpp"
#include "model/winograd.hpp"

#include <ATen/ATen.h>

namespace desy {
namespace {

using pointwise = at::Tensor(const at::Tensor &, const at::Tensor &, optional_tensor, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t,
                             std::string_view, scalars, text);
using add_in_place = at::Tensor &(at::Tensor &, const at::Tensor &, const at::Tensor &, optional_tensor, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef,
                                  int64_t, std::string_view, std::optional<at::Scalar>, text, scalars, text);
using reorder = at::Tensor(const at::Tensor &, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t, at::OptionalIntArrayRef);

const char *const schemas[] = {
    "mkldnn::_convolution_pointwise(Tensor X, Tensor W, Tensor? B, int[] padding, int[] stride, int[] dilation, int groups, str attr, "
    "Scalar?[] scalars, str? algorithm) -> Tensor Y",
    "mkldnn::_convolution_pointwise_.binary(Tensor(a!) other, Tensor X, Tensor W, Tensor? B, int[] padding, int[] stride, int[] dilation, int groups, "
    "str binary_attr, Scalar? alpha, str? unary_attr, Scalar?[] unary_scalars, str? unary_algorithm) -> Tensor(a!) Y",
    "mkldnn::_reorder_convolution_weight(Tensor self, int[2] padding=0, int[2] stride=1, int[2] dilation=1, int groups=1, int[]? input_size=None) "
    "-> Tensor Y",
};

constexpr int64_t dilation[] = {1, 1};

/* The three operators, where their schemas are those above. */
struct operators {
    std::optional<c10::TypedOperatorHandle<pointwise>> convolve;
    std::optional<c10::TypedOperatorHandle<add_in_place>> add;
    std::optional<c10::TypedOperatorHandle<reorder>> pack;

    operators()
    {
        const std::optional<c10::OperatorHandle> found[] = {
            find_operator("mkldnn::_convolution_pointwise", "", schemas[0]), find_operator("mkldnn::_convolution_pointwise_", "binary", schemas[1]),
            find_operator("mkldnn::_reorder_convolution_weight", "", schemas[2])};
        for (int i = 0; i < 3; i++)
            if (!found[i]) {
                desy_log_info("this libtorch has no %.*s as known here: networks run without fused convolutions, at about half the speed",
                              (int)strcspn(schemas[i], "("), schemas[i]);
                return;
            }
        convolve = found[0]->typed<pointwise>();
        add = found[1]->typed<add_in_place>();
        pack = found[2]->typed<reorder>();
    }
};

const operators &oneDNN()
{
    static const operators known;
    return known;
}

const char *attribute(activation what)
{
    return what == activation::relu ? "relu" : what == activation::relu6 ? "hardtanh" : "none";
}

scalars bounds(activation what)
{
    return what == activation::relu6 ? scalars({at::Scalar(0), at::Scalar(6)}) : scalars();
}

at::Tensor activate(at::Tensor x, activation what)
{
    return what == activation::relu ? x.relu_() : what == activation::relu6 ? x.clamp_(0, 6) : x;
}

} // namespace

bool fused_operators()
{
    return oneDNN().pack.has_value();
}

bool bfloat16_on_cpu()
{
    auto supported = c10::Dispatcher::singleton().findSchema({"mkldnn::_is_mkldnn_bf16_supported", ""});
    return supported && supported->typed<bool()>().call();
}

/* Our kernel where it fits: there it is the faster one. */
convolution::kernel convolution::who(const convolution_shape &shape, activation after, const placement &where)
{
    if (!where.fused) return plain;
    const bool fits = after == activation::relu && shape.kernel == 3 && shape.stride == 1 && shape.groups == 1 && shape.before == 1 && shape.after == 1 &&
                      where.type == at::kFloat && winograd_fits(shape.in, shape.out, shape.side);
    return fits ? winograd : onednn;
}

folded::folded(const weights_file &weights, const std::string &name, const std::string &norm, const convolution_shape &shape, double epsilon)
{
    const at::Tensor gamma = weights.tensor(norm + ".weight", {shape.out}), beta = weights.tensor(norm + ".bias", {shape.out});
    const at::Tensor mean = weights.tensor(norm + ".running_mean", {shape.out}), variance = weights.tensor(norm + ".running_var", {shape.out});
    const at::Tensor scale = gamma / (variance + epsilon).sqrt();
    taps = weights.tensor(name + ".weight", {shape.out, shape.in / shape.groups, shape.kernel, shape.kernel}) * scale.view({shape.out, 1, 1, 1});
    bias = beta - mean * scale;
}

convolution::convolution(const folded &weights, const convolution_shape &shape, activation after, const placement &where)
    : stride{shape.stride, shape.stride}, padding{shape.after, shape.after}, groups(shape.groups), after(after), type(where.type)
{
    at::Tensor taps = weights.taps;
    by = who(shape, after, where);
    if (by == winograd) {
        weight = winograd_weight(taps);
        bias = weights.bias.to(at::kFloat);
        return;
    }
    /* oneDNN's operator pads both ends alike: a kernel with zero rows and columns in front does the rest. */
    const int64_t wider = shape.after - shape.before;
    if (wider) taps = at::constant_pad_nd(taps, {wider, 0, wider, 0}, 0);
    weight = taps.to(where.device, where.type).contiguous(at::MemoryFormat::ChannelsLast);
    bias = weights.bias.to(where.device, where.type);
    if (by == onednn) weight = oneDNN().pack->call(weight, padding, stride, dilation, groups, at::IntArrayRef({where.batch, shape.in, shape.side, shape.side}));
}

at::Tensor convolution::operator()(const at::Tensor &x) const
{
    if (by == winograd) return winograd_relu(x, weight, bias);
    if (by == onednn) return oneDNN().convolve->call(x.to(type), weight, bias, padding, stride, dilation, groups, attribute(after), bounds(after), text());
    return activate(at::conv2d(x.to(type), weight, bias, stride, padding, dilation, groups), after);
}

at::Tensor convolution::added_to(at::Tensor shortcut, const at::Tensor &x) const
{
    if (by != onednn) return activate(shortcut.add_(at::conv2d(x, weight, bias, stride, padding, dilation, groups)), after);
    text unary = after == activation::none ? text() : text(attribute(after));
    return oneDNN().add->call(shortcut, x, weight, bias, padding, stride, dilation, groups, "add", at::Scalar(1), unary, bounds(after), text());
}

} // namespace desy
