/* The full form of the high head: mean and deviation over time -> 512 -> 256 -> logit. */
#include "model/high_mlp.hpp"

#include "model/network.hpp"

#include <ATen/ATen.h>

namespace desy {

static std::vector<tensor_plan> high_mlp_tensors(int, int inputs)
{
    const int64_t widths[] = {inputs, high_mlp_widths[0], high_mlp_widths[1], 1};
    std::vector<tensor_plan> plan;
    for (int i = 0; i < 3; i++) plan_linear(plan, "mlp." + std::to_string(i), widths[i], widths[i + 1]);
    return plan;
}

static at::Tensor high_mlp_logits(const parameter_list &parameters, const at::Tensor &x, const at::Tensor &, const dropout_function &dropout)
{
    at::Tensor y = x.flatten(1);
    for (int layer = 0; layer < 2; layer++)
        y = dropout(parameters.linear(y, 2 * (size_t)layer).relu(), layer);
    return parameters.linear(y, 4).squeeze(1);
}

const architecture high_mlp = {"high_mlp", 64, at::kFloat, high_mlp_tensors, high_mlp_logits, high_mlp_passes};

} // namespace desy
