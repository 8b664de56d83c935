/* The first convolution of EfficientNet-Lite0 on a CPU: 3 x 3, stride 2, a zero row and column behind, 3 channels to 32. oneDNN takes more
 * than twice as long for it, as three channels fill no vector. */
#ifndef DESY_MODEL_STEM_HPP
#define DESY_MODEL_STEM_HPP

#include <ATen/core/Tensor.h>

namespace desy {

/* clamp(conv(x) + bias, 0, 6) as `type`, float32 or bfloat16. x (N, 3, side, side) float32, channels last and dense, side a multiple of 14;
 * weight (27, 32): taps by row, column and channel; bias (32); both float32. Sums as in depthwise.hpp. */
at::Tensor stem_relu6(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, at::ScalarType type);

} // namespace desy

#endif
