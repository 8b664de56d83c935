/* The full form of the mid head: frames -> 128 and positions -> two layers of a pre-norm transformer encoder -> attention pooling -> logit. */
#include "model/mid_transformer.hpp"

#include "model/network.hpp"

#include <ATen/ATen.h>
#include <cmath>

namespace desy {

static constexpr int64_t width = mid_transformer_width, heads = mid_transformer_heads, feed = mid_transformer_feed;
static constexpr int layers = mid_transformer_layers;
static constexpr double epsilon = 1e-5;

static void plan_norm(std::vector<tensor_plan> &plan, const std::string &prefix)
{
    plan.push_back({prefix + ".weight", {width}, 0, 1});
    plan.push_back({prefix + ".bias", {width}, 0});
}

static std::vector<tensor_plan> mid_transformer_tensors(int frames, int inputs)
{
    std::vector<tensor_plan> plan;
    plan_linear(plan, "projection", inputs, width);
    plan.push_back({"positions", {frames, width}, 2500}); /* within +-.02 */
    for (int layer = 0; layer < layers; layer++) {
        const std::string prefix = "encoder." + std::to_string(layer) + ".";
        plan_norm(plan, prefix + "norm1");
        plan_linear(plan, prefix + "attention.in", width, 3 * width); /* queries, keys, values */
        plan_linear(plan, prefix + "attention.out", width, width);
        plan_norm(plan, prefix + "norm2");
        plan_linear(plan, prefix + "feed.0", width, feed);
        plan_linear(plan, prefix + "feed.1", feed, width);
    }
    plan_norm(plan, "norm");
    plan.push_back({"pool", {width}, width});
    plan_linear(plan, "logit", width, 1);
    return plan;
}

/* Takes the tensors of the plan one after another. */
struct tensors {
    const parameter_list &all;
    size_t next;

    const at::Tensor &take() { return all[next++]; }
    at::Tensor linear(const at::Tensor &x)
    {
        next += 2;
        return all.linear(x, next - 2);
    }
    at::Tensor norm(const at::Tensor &x)
    {
        const at::Tensor &weight = take();
        return at::layer_norm(x, {width}, weight, take(), epsilon);
    }
};

/* x (n, T, width); hidden (n, 1, 1, T): 0, or minus infinity where no frame is. */
static at::Tensor attend(tensors &parameters, const at::Tensor &x, const at::Tensor &hidden)
{
    const int64_t n = x.size(0), frames = x.size(1);
    at::Tensor all = parameters.linear(x).view({n, frames, 3, heads, width / heads}).permute({2, 0, 3, 1, 4}); /* (3, n, heads, T, width / heads) */
    at::Tensor scores = at::matmul(all[0] * (1 / std::sqrt((double)width / heads)), all[1].transpose(2, 3)) + hidden;
    return parameters.linear(at::matmul(scores.softmax(-1), all[2]).transpose(1, 2).reshape({n, frames, width}));
}

static at::Tensor mid_transformer_logits(const parameter_list &all, const at::Tensor &x, const at::Tensor &there, const dropout_function &dropout)
{
    tensors parameters = {all, 0};
    at::Tensor hidden = at::zeros(there.sizes(), x.options()).masked_fill(there.logical_not(), -INFINITY);
    at::Tensor y = parameters.linear(x);
    y = y + parameters.take();
    for (int layer = 0; layer < layers; layer++) {
        y = y + attend(parameters, parameters.norm(y), hidden.unsqueeze(1).unsqueeze(1));
        y = y + parameters.linear(at::gelu(parameters.linear(parameters.norm(y))));
    }
    y = parameters.norm(y);
    at::Tensor share = (at::matmul(y, parameters.take()) / std::sqrt((double)width) + hidden).softmax(1); /* of each frame */
    return parameters.linear(dropout(at::matmul(share.unsqueeze(1), y).squeeze(1), 0)).squeeze(1);
}

const architecture mid_transformer = {"mid_transformer", 1, at::kFloat, mid_transformer_tensors, mid_transformer_logits, mid_transformer_passes};

} // namespace desy
