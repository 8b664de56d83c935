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

} // namespace desy

#endif
