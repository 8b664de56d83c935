/* Architectures of networks that are trained: which tensors they have, and how they make logits of an input. */
#ifndef DESY_MODEL_NETWORK_HPP
#define DESY_MODEL_NETWORK_HPP

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace desy {

struct tensor_plan {
    std::string name;
    std::vector<int64_t> shape;
    int64_t fan_in; /* of the layer that it belongs to: decides its initial range */
};

/* Applied to the activations (n, units) of the layer-th hidden layer; the identity at inference. */
using dropout_function = std::function<at::Tensor(const at::Tensor &activations, int layer)>;

struct architecture {
    const char *name;
    std::vector<tensor_plan> (*tensors)(int inputs);
    /* parameters in the order of the plan; x (n, inputs); logits (n) */
    at::Tensor (*logits)(const std::vector<at::Tensor> &parameters, const at::Tensor &x, const dropout_function &dropout);
};

extern const architecture high_mlp;

} // namespace desy

#endif
