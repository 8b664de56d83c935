/* Architectures of networks that are trained: which tensors they have, and how they make logits of an input. */
#ifndef DESY_MODEL_NETWORK_HPP
#define DESY_MODEL_NETWORK_HPP

#include "model/passes.hpp"

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace desy {

struct tensor_plan {
    std::string name;
    std::vector<int64_t> shape;
    int64_t fan_in;     /* of the layer that it belongs to: decides its initial range; 0: it begins at `constant` */
    float constant = 0;
};

/* Linear layers, PREFIX.weight (out, in) and PREFIX.bias. */
void plan_linear(std::vector<tensor_plan> &plan, const std::string &prefix, int64_t in, int64_t out);

/* Applied to the activations (n, units) of the layer-th hidden layer; the identity at inference. */
using dropout_function = std::function<at::Tensor(const at::Tensor &activations, int layer)>;

struct architecture {
    const char *name;
    int forward_rows; /* the one shape of inference */
    at::ScalarType input; /* of x: as the store has it */
    std::vector<tensor_plan> (*tensors)(int frames, int inputs);
    /* parameters in the order of the plan; x (n, frames, inputs); there (n, frames), true for frames of the clip; logits (n) */
    at::Tensor (*logits)(const std::vector<at::Tensor> &parameters, const at::Tensor &x, const at::Tensor &there, const dropout_function &dropout);
    /* on a CPU, for batches of up to `most`, linear layers in bfloat16 or not; NULL: libtorch's operators and autograd do it there, too */
    std::unique_ptr<passes> (*on_cpu)(const float *parameters, int frames, int inputs, int most, bool bf16);
};

extern const architecture high_mlp, high_text, low_cnn, mid_transformer, sound_cnn;

} // namespace desy

#endif
