/* Weights of a network, from a safetensors file: every tensor is asked for by name and shape, and what does not fit is said. */
#ifndef DESY_MODEL_WEIGHTS_HPP
#define DESY_MODEL_WEIGHTS_HPP

#include "base/safetensors.h"

#include <ATen/core/Tensor.h>
#include <stdexcept>
#include <string>

namespace desy {

/* A file that is not the network's weights: the message goes to the user as it is. */
struct weights_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class weights_file {
public:
    explicit weights_file(const char *path); /* weights_error with the reason */
    ~weights_file();
    weights_file(const weights_file &) = delete;
    weights_file &operator=(const weights_file &) = delete;

    /* A copy in float64 (F16, BF16, F32 and F64 are read); weights_error if missing, of another shape or not finite. */
    at::Tensor tensor(const std::string &name, at::IntArrayRef shape) const;

private:
    std::string path;
    desy_safetensors *file = nullptr;
};

/* A convolution with its batch norm folded in: y = conv(pad(x)) + bias. */
struct convolution {
    at::Tensor weight, bias; /* (out, in / groups, k, k), (out) float32 */
    int stride, before, after; /* zero rows and columns before and after: TensorFlow's "same" is asymmetric */
    int groups;

    at::Tensor operator()(const at::Tensor &x) const;
};

struct convolution_shape {
    int in, out, kernel, stride, before, after, groups;
};

/* Folds in float64 and rounds once: weight * gamma / sqrt(variance + epsilon), beta - mean * gamma / sqrt(variance + epsilon). */
convolution folded_convolution(const weights_file &weights, const std::string &convolution_name, const std::string &norm_name,
                               const convolution_shape &shape, double epsilon, const at::Device &device);

} // namespace desy

#endif
