/* Linear layers that can be trained. On a CPU their products, forward and backward, are oneDNN's: MKL runs in the one mode that gives the same bits on
 * any processor (model/eigh.cpp), at a third of the speed. */
#ifndef DESY_MODEL_LINEAR_HPP
#define DESY_MODEL_LINEAR_HPP

#include <ATen/core/Tensor.h>

namespace desy {

/* x (..., in) -> (..., out): x weight^T + bias; weight (out, in), bias (out). Differentiable. */
at::Tensor linear(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias);

} // namespace desy

#endif
