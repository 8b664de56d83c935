/* Inside model/: linear layers in 8 bits: by libtorch's micro-kernels (model/product.hpp), and where it has none for this processor by its quantised layers, which give the same within rounding. */
#ifndef DESY_MODEL_QUANTISED_HPP
#define DESY_MODEL_QUANTISED_HPP

#include <ATen/core/Tensor.h>
#include <ATen/native/quantized/PackedParams.h>
#include <cstdint>
#include <map>
#include <vector>

namespace desy {

/* A weight (out, in), whose row o is levels[o] scales[o], -127..127 a row: symmetric, so that products need no correction. Inputs are rounded as they come, to 128 levels over
 * all that a call gives ("dynamic"; reduced from 256, as PyTorch's own layers have it: on processors without VNNI two products are added in 16 bits). */
class quantised_layer {
public:
    std::vector<int8_t> levels;
    std::vector<float> scales;

    /* Throws where libtorch has neither. */
    quantised_layer(std::vector<int8_t> levels, std::vector<float> scales);
    /* y (rows, out) += x (rows, in) by the weight. */
    void add_to(float *y, const float *x, int64_t rows) const;
    /* x (..., in) float32 by the weight, and the bias (out), if it is defined. */
    at::Tensor operator()(const at::Tensor &x, const at::Tensor &bias) const;

private:
    std::vector<int8_t> fours; /* the levels as micro-kernels read them; empty: there are none for this processor */
    std::vector<int32_t> sums; /* of the levels of each row */
    c10::intrusive_ptr<LinearPackedParamsBase> packed; /* where there are none: for libtorch's own layers */
};

/* By where their weights lie among the parameters. */
using quantised_layers = std::map<const float *, quantised_layer>;

/* The nearest such layer. */
quantised_layer quantise(const float *weight, int64_t out, int64_t in);

} // namespace desy

#endif
