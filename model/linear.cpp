#include "model/linear.hpp"

#include "base/log.h"
#include "model/operators.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace desy {
namespace {

using product = at::Tensor(const at::Tensor &, const at::Tensor &, optional_tensor, std::string_view, scalars, text);

const char *const schema = "mkldnn::_linear_pointwise(Tensor X, Tensor W, Tensor? B, str attr, Scalar?[] scalars, str? algorithm) -> Tensor Y";

std::optional<c10::TypedOperatorHandle<product>> find_product()
{
    const std::optional<c10::OperatorHandle> found = find_operator("mkldnn::_linear_pointwise", "", schema);
    if (found) return found->typed<product>();
    desy_log_info("this libtorch has no mkldnn::_linear_pointwise as known here: networks train without it, more slowly");
    return std::nullopt;
}

const std::optional<c10::TypedOperatorHandle<product>> &oneDNN()
{
    static const std::optional<c10::TypedOperatorHandle<product>> found = find_product();
    return found;
}

/* a (n, k) times b (m, k) transposed. */
at::Tensor times(const at::Tensor &a, const at::Tensor &b, optional_tensor bias = std::nullopt)
{
    return oneDNN()->call(a, b, bias, "none", scalars(), "");
}

struct layer : torch::autograd::Function<layer> {
    static at::Tensor forward(torch::autograd::AutogradContext *context, const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias)
    {
        context->save_for_backward({x, weight});
        return times(x, weight, bias);
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext *context, const torch::autograd::variable_list &gradients)
    {
        const torch::autograd::variable_list saved = context->get_saved_variables();
        const at::Tensor &y = gradients[0], &x = saved[0], &weight = saved[1];
        return {context->needs_input_grad(0) ? times(y, weight.t()) : at::Tensor(), times(y.t(), x.t()), y.sum(0)};
    }
};

} // namespace

at::Tensor linear(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias)
{
    if (!x.is_cpu() || !oneDNN()) return at::linear(x, weight, bias);
    std::vector<int64_t> shape = x.sizes().vec();
    shape.back() = weight.size(0);
    return layer::apply(x.reshape({-1, x.size(-1)}), weight, bias).view(shape);
}

} // namespace desy
