/* ResNet-50 (He et al. 2015), torchvision's v1.5: the stride is in the 3x3 convolution. torchvision and timm name its tensors
 * alike; the classifier ("fc"), which timm leaves out of a file without classes, is not read. */
#include "model/backbone.hpp"
#include "model/weights.hpp"

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
        at::Tensor y = expand(spatial(reduce(x).relu_()).relu_());
        return y.add_(projects ? shortcut(x) : x).relu_();
    }
};

struct network final : encoder {
    convolution stem;
    std::vector<bottleneck> blocks;

    network(const weights_file &weights, const at::Device &device)
    {
        auto load = [&](const std::string &convolution, const std::string &norm, int in, int out, int kernel, int stride) {
            return folded_convolution(weights, convolution, norm, {in, out, kernel, stride, kernel / 2, kernel / 2, 1}, epsilon, device);
        };
        stem = load("conv1", "bn1", 3, 64, 7, 2);
        const int depths[] = {3, 4, 6, 3};
        for (int layer = 0, in = 64; layer < 4; layer++)
            for (int i = 0; i < depths[layer]; i++) {
                std::string name = "layer" + std::to_string(layer + 1) + "." + std::to_string(i) + ".";
                int width = 64 << layer, out = 4 * width, stride = i == 0 && layer > 0 ? 2 : 1;
                bottleneck b = {i == 0, load(name + "conv1", name + "bn1", in, width, 1, 1),
                                load(name + "conv2", name + "bn2", width, width, 3, stride),
                                load(name + "conv3", name + "bn3", width, out, 1, 1), {}};
                if (b.projects) b.shortcut = load(name + "downsample.0", name + "downsample.1", in, out, 1, stride);
                blocks.push_back(b);
                in = out;
            }
    }

    at::Tensor features(const at::Tensor &images) override
    {
        at::Tensor x = at::max_pool2d(stem(images).relu_(), 3, 2, 1);
        for (const bottleneck &b : blocks) x = b(x);
        return x.mean({2, 3});
    }
};

} // namespace

std::unique_ptr<encoder> resnet50(const char *path, const at::Device &device)
{
    return std::make_unique<network>(weights_file(path), device);
}

} // namespace desy
