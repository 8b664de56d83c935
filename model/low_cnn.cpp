/* The full form of the low head: what up-sampling and cameras leave between neighbouring pixels. Crops at native resolution -> two residuals -> stem and layers 1 and 2 of
 * ResNet-50 (He et al. 2016) -> mean over pixels and crops -> logit. */
#include "model/network.hpp"

#include <ATen/ATen.h>

namespace desy {
namespace {

constexpr int64_t side = 224, channels = 3, stem = 64, groups = 32, expansion = 4;
constexpr double epsilon = 1e-5;

const struct stage {
    int blocks;
    int64_t width, stride;
} stages[] = {{3, 64, 1}, {4, 128, 2}};
constexpr int64_t outputs = 128 * expansion;

void plan_convolution(std::vector<tensor_plan> &plan, const std::string &prefix, int64_t in, int64_t out, int64_t kernel)
{
    plan.push_back({prefix + ".weight", {out, in, kernel, kernel}, in * kernel * kernel});
}

/* Groups of channels of one crop (Wu & He 2018): statistics over a batch would hang on which clips share a virtual shard, and so on how a batch is cut, where
 * everything else is a sum over clips; running ones would be a state beside the parameters. */
void plan_norm(std::vector<tensor_plan> &plan, const std::string &prefix, int64_t width, float weight = 1)
{
    plan.push_back({prefix + ".weight", {width}, 0, weight});
    plan.push_back({prefix + ".bias", {width}, 0});
}

void plan_bottleneck(std::vector<tensor_plan> &plan, const std::string &prefix, int64_t in, int64_t width)
{
    plan_convolution(plan, prefix + "conv1", in, width, 1);
    plan_norm(plan, prefix + "norm1", width);
    plan_convolution(plan, prefix + "conv2", width, width, 3);
    plan_norm(plan, prefix + "norm2", width);
    plan_convolution(plan, prefix + "conv3", width, expansion * width, 1);
    plan_norm(plan, prefix + "norm3", expansion * width, 0); /* a block begins as its shortcut (Goyal et al. 2017): else the first hundred steps learn nothing */
    if (in == expansion * width) return;
    plan_convolution(plan, prefix + "downsample.0", in, expansion * width, 1);
    plan_norm(plan, prefix + "downsample.1", expansion * width);
}

std::vector<tensor_plan> low_cnn_tensors(int, int)
{
    std::vector<tensor_plan> plan;
    plan_convolution(plan, "conv1", 2 * channels, stem, 3);
    plan_norm(plan, "norm1", stem);
    int64_t in = stem;
    for (size_t s = 0; s < 2; s++)
        for (int block = 0; block < stages[s].blocks; block++, in = expansion * stages[s].width)
            plan_bottleneck(plan, "layer" + std::to_string(s + 1) + "." + std::to_string(block) + ".", in, stages[s].width);
    plan_linear(plan, "logit", outputs, 1);
    return plan;
}

/* Takes the tensors of the plan one after another. */
struct tensors {
    const parameter_list &all;
    size_t next;

    const at::Tensor &take() { return all[next++]; }
    at::Tensor convolution(const at::Tensor &x, int64_t stride)
    {
        const at::Tensor &weight = take();
        return at::conv2d(x, weight, {}, stride, weight.size(2) / 2);
    }
    at::Tensor norm(const at::Tensor &x)
    {
        const at::Tensor &weight = take();
        return at::group_norm(x, groups, weight, take(), epsilon);
    }
};

at::Tensor bottleneck(tensors &parameters, const at::Tensor &x, int64_t stride, bool widens)
{
    at::Tensor y = parameters.norm(parameters.convolution(x, 1)).relu_();
    y = parameters.norm(parameters.convolution(y, stride)).relu_();
    y = parameters.norm(parameters.convolution(y, 1));
    return y.add_(widens ? parameters.norm(parameters.convolution(x, stride)) : x).relu_();
}

/* Of one colour: the KV kernel (Fridrich & Kodovsky 2012, SQUARE 5 x 5). */
at::Tensor high_pass(const at::Tensor &x)
{
    static const float kernel[] = {-1, 2, -2, 2, -1, 2, -6, 8, -6, 2, -2, 8, -12, 8, -2, 2, -6, 8, -6, 2, -1, 2, -2, 2, -1};
    const at::Tensor weight = at::tensor(at::ArrayRef<float>(kernel, 25), x.options()).view({1, 1, 5, 5}).expand({channels, 1, 5, 5});
    return at::conv2d(at::reflection_pad2d(x, {2, 2, 2, 2}), weight, {}, 1, at::IntArrayRef{0, 0}, 1, channels);
}

/* crops (m, 224, 224, 3) -> (m, 6, 224, 224), whose channels are the last in memory. Each pixel less the first of its 2 x 2 (Tan et al. 2024, NPR: less its own up-sampled
 * down-sampling), and the high pass. Colours are normalised by ImageNet's deviation; its mean, which would be taken off too, falls out of both. */
at::Tensor residuals(const at::Tensor &crops)
{
    static const float deviation[] = {.229f, .224f, .225f};
    const int64_t m = crops.size(0);
    const at::Tensor x = crops.to(at::kFloat); /* whole numbers up to the end: what is flat is 0 */
    const at::Tensor scale = 1 / at::tensor(at::ArrayRef<float>(deviation, channels), x.options()).mul(255).view({1, channels, 1, 1});
    const at::Tensor blocks = x.view({m, side / 2, 2, side / 2, 2, channels});
    const at::Tensor neighbours = (blocks - blocks.narrow(2, 0, 1).narrow(4, 0, 1)).view(x.sizes());
    return at::cat({neighbours.permute({0, 3, 1, 2}) * scale, high_pass(x.permute({0, 3, 1, 2})) * (scale / 12)}, 1).contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor low_cnn_logits(const parameter_list &all, const at::Tensor &x, const at::Tensor &there, const dropout_function &dropout)
{
    tensors parameters = {all, 0};
    const int64_t n = x.size(0), crops = x.size(1);
    const at::Tensor chosen = there.flatten().nonzero().squeeze(1); /* what is not there costs nothing */
    at::Tensor y = parameters.convolution(residuals(x.view({n * crops, side, side, channels}).index_select(0, chosen)), 2);
    y = at::max_pool2d(parameters.norm(y).relu_(), 3, 2, 1);
    for (const stage &stage : stages)
        for (int block = 0; block < stage.blocks; block++) y = bottleneck(parameters, y, block == 0 ? stage.stride : 1, block == 0);
    const at::Tensor share = there.to(at::kFloat) / there.sum(1, true); /* of each crop */
    y = at::zeros({n * crops, outputs}, y.options()).index_copy(0, chosen, y.mean(at::IntArrayRef{2, 3}));
    y = (y.view({n, crops, outputs}) * share.unsqueeze(2)).sum(1);
    const at::Tensor &weight = parameters.take();
    return at::linear(dropout(y, 0), weight, parameters.take()).squeeze(1); /* the mean over crops of their logits, since that is linear */
}

} // namespace

const architecture low_cnn = {"low_cnn", 1, at::kByte, low_cnn_tensors, low_cnn_logits, nullptr};

} // namespace desy
