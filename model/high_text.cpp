/* The full form of the high head for clips that come with a text: high_mlp's network, and beside its last hidden layer h what the text says, gated by
 * both (after the gated multimodal unit of Arevalo et al. 2017): e = tanh(8 E t), g = sigmoid(G [h; e]), logit = v . h + w . (g e). t are the hashed
 * n-grams (train/text.h), the last inputs. E and w have no bias: without a text e is 0, and the logit has the bits of v . h. */
#include "model/network.hpp"

#include <ATen/ATen.h>

namespace desy {
namespace {

constexpr int64_t buckets = 4096, embedded = 64; /* buckets: DESY_TEXT_BUCKETS */
constexpr double scale = 8;                      /* t has length 1, and a short text about 64 n-grams: brings its numbers to about 1, as those of the video are */

std::vector<tensor_plan> tensors(int, int inputs)
{
    const int64_t widths[] = {inputs - buckets, 512, 256, 1};
    std::vector<tensor_plan> plan;
    for (int i = 0; i < 3; i++) plan_linear(plan, "mlp." + std::to_string(i), widths[i], widths[i + 1]);
    plan.push_back({"text.embedding.weight", {embedded, buckets}, buckets});
    plan_linear(plan, "text.gate", widths[2] + embedded, embedded);
    plan.push_back({"text.logit.weight", {1, embedded}, embedded});
    return plan;
}

/* In training a text is given to half of the items, or as `dropout` has it: the video alone must do as well. */
at::Tensor logits(const parameter_list &parameters, const at::Tensor &x, const at::Tensor &, const dropout_function &dropout)
{
    const at::Tensor all = x.flatten(1), text = all.narrow(1, all.size(1) - buckets, buckets);
    const at::Tensor given = dropout(at::ones({all.size(0), 1}, all.options()), 2) > 0;
    at::Tensor h = all.narrow(1, 0, all.size(1) - buckets);
    for (int layer = 0; layer < 2; layer++)
        h = dropout(parameters.linear(h, 2 * (size_t)layer).relu(), layer);
    at::Tensor e = parameters.linear(scale * text * given, 6, false).tanh();
    at::Tensor gate = parameters.linear(at::cat({h, e}, 1), 7).sigmoid();
    return (parameters.linear(h, 4) + parameters.linear(gate * e, 9, false)).squeeze(1);
}

} // namespace

const architecture high_text = {"high_text", 64, at::kFloat, tensors, logits, nullptr};

} // namespace desy
