/* Architectures of networks that are trained: which tensors they have, and how they make logits of an input. */
#ifndef DESY_MODEL_NETWORK_HPP
#define DESY_MODEL_NETWORK_HPP

#include "model/passes.hpp"
#include "model/quantised.hpp"

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

/* Parameters in the order of the plan. */
struct parameter_list {
    const std::vector<at::Tensor> &tensors;
    const quantised_layers *quantised; /* NULL: none is in 8 bits */

    const at::Tensor &operator[](size_t i) const { return tensors[i]; }
    /* x (..., in) by the linear layer whose weight is tensor i and whose bias, if it has one, is the next. */
    at::Tensor linear(const at::Tensor &x, size_t i, bool has_bias = true) const;
};

struct architecture {
    const char *name;
    int forward_rows; /* the one shape of inference */
    at::ScalarType input; /* of x: as the store has it */
    std::vector<tensor_plan> (*tensors)(int frames, int inputs);
    /* parameters in the order of the plan; x (n, frames, inputs); there (n, frames), true for frames of the clip; logits (n) */
    at::Tensor (*logits)(const parameter_list &parameters, const at::Tensor &x, const at::Tensor &there, const dropout_function &dropout);
    /* on a CPU, for batches of up to `most`, linear layers in bfloat16 or not; NULL, as function or as what it returns: libtorch's operators and autograd do it there, too */
    std::unique_ptr<passes> (*on_cpu)(const float *parameters, int frames, int inputs, int most, bool bf16, const quantised_layers &quantised);
};

extern const architecture high_mlp, high_text, low_cnn, mid_transformer, sound_cnn;

} // namespace desy

#endif
