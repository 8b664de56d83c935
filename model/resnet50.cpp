/* ResNet-50 (He et al. 2015), torchvision's v1.5: the stride is in the 3x3 convolution. torchvision and timm name its tensors
 * alike; the classifier ("fc"), which timm leaves out of a file without classes, is not read. */
#include "model/backbone.hpp"

#include <ATen/ATen.h>
#include <vector>

namespace desy {
namespace {

constexpr double epsilon = 1e-5;

struct bottleneck {
    bool projects;
    convolution reduce, spatial, expand, shortcut;

    at::Tensor operator()(const at::Tensor &x) const
    {
        at::Tensor y = spatial(reduce(x));
        return expand.added_to(projects ? shortcut(x) : x, y);
    }
};

struct network final : encoder {
    convolution stem;
    std::vector<bottleneck> blocks;

    network(const weights_file &weights, const placement &where)
    {
        int side = 224;
        auto load = [&](const std::string &name, const std::string &norm, int in, int out, int kernel, int stride, activation after) {
            const convolution_shape shape = {in, out, kernel, stride, kernel / 2, kernel / 2, 1, side};
            return convolution(folded(weights, name, norm, shape, epsilon), shape, after, where);
        };
        stem = load("conv1", "bn1", 3, 64, 7, 2, activation::relu);
        side = 56;
        const int depths[] = {3, 4, 6, 3};
        for (int layer = 0, in = 64; layer < 4; layer++)
            for (int i = 0; i < depths[layer]; i++) {
                std::string name = "layer" + std::to_string(layer + 1) + "." + std::to_string(i) + ".";
                int width = 64 << layer, out = 4 * width, stride = i == 0 && layer > 0 ? 2 : 1;
                bottleneck b = {i == 0, load(name + "conv1", name + "bn1", in, width, 1, 1, activation::relu),
                                load(name + "conv2", name + "bn2", width, width, 3, stride, activation::relu), {}, {}};
                if (b.projects) b.shortcut = load(name + "downsample.0", name + "downsample.1", in, out, 1, stride, activation::none);
                side /= stride;
                b.expand = load(name + "conv3", name + "bn3", width, out, 1, 1, activation::relu);
                blocks.push_back(b);
                in = out;
            }
    }

    at::Tensor features(const at::Tensor &images) override
    {
        at::Tensor x = at::max_pool2d(stem(images), 3, 2, 1);
        for (const bottleneck &b : blocks) x = b(x);
        return x.mean({2, 3}, false, at::kFloat);
    }
};

} // namespace

std::unique_ptr<encoder> resnet50(const char *path, const placement &where)
{
    return std::make_unique<network>(weights_file(path), where);
}

} // namespace desy
