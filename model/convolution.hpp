/* Convolutions with everything that follows them in one pass over memory: batch norm folded into the weights, then addition of a
 * shortcut, then the activation. On a CPU through the operators by which TorchInductor reaches oneDNN's fused primitives; they are
 * internal to libtorch, so their schemas are compared at open, and where they differ plain operators do the same. */
#ifndef DESY_MODEL_CONVOLUTION_HPP
#define DESY_MODEL_CONVOLUTION_HPP

#include "model/weights.hpp"

#include <ATen/core/Tensor.h>

namespace desy {

/* Where a network runs, in which numbers, on how many frames a call. */
struct placement {
    at::Device device;
    at::ScalarType type;
    int batch;
    bool fused; /* fused_operators(): weights are in oneDNN's own layout for this batch */
};

/* Whether libtorch has the operators, as they are known here. Says it in the log, once, where it has not. */
bool fused_operators();
/* Whether oneDNN computes in bfloat16 on this processor. */
bool bfloat16_on_cpu();

enum class activation { none, relu, relu6 };

struct convolution_shape {
    int in, out, kernel, stride;
    int before, after; /* zero rows and columns before and after: TensorFlow's "same" is asymmetric */
    int groups;
    int side; /* of its square input */
};

/* The batch norm folded into the convolution, float64: taps (out, in / groups, kernel, kernel) * gamma / sqrt(variance + epsilon), bias (out) = beta - mean * gamma / sqrt(variance + epsilon). */
struct folded {
    at::Tensor taps, bias;

    folded(const weights_file &weights, const std::string &name, const std::string &norm, const convolution_shape &shape, double epsilon);
};

class convolution {
public:
    convolution() = default;
    /* Rounded once, to the type of the placement. */
    convolution(const folded &weights, const convolution_shape &shape, activation after, const placement &where);

    /* x (N, in, side, side), channels last; the images in float32, all else in the type of the placement -> activation(conv(x) + bias). */
    at::Tensor operator()(const at::Tensor &x) const;
    /* activation(conv(x) + bias + shortcut), written over the shortcut. */
    at::Tensor added_to(at::Tensor shortcut, const at::Tensor &x) const;

private:
    enum kernel { plain, onednn, winograd }; /* libtorch's plain operators, its oneDNN ones, or our own */
    static kernel who(const convolution_shape &shape, activation after, const placement &where);

    at::Tensor weight, bias;
    int64_t stride[2], padding[2], groups;
    activation after;
    kernel by;
    at::ScalarType type;
};

} // namespace desy

#endif
