/* Depthwise convolution in float32 on a CPU for the shapes of EfficientNet, a third faster there than oneDNN's (whose bfloat16 kernels
 * are the better ones): outputs are made in registers, each input is loaded once for the taps of a row, and padding costs nothing. */
#ifndef DESY_MODEL_DEPTHWISE_HPP
#define DESY_MODEL_DEPTHWISE_HPP

#include <ATen/core/Tensor.h>

namespace desy {

struct depthwise_shape {
    int channels, kernel, stride, before, side, out_side; /* before: zero rows and columns in front */
};

/* Kernel 3 or 5, stride 1 or 2, channels a multiple of 16, outputs a multiple of 7 in each row. */
bool depthwise_fits(const depthwise_shape &shape);
/* clamp(conv(x) + bias, 0, 6). x (N, C, side, side) float32, channels last and dense; weight (k, k, C) and bias (C) float32.
 * Sums are in float32, in the order of the taps, without fused multiply-adds: the same bits on every instruction set and number of threads. */
at::Tensor depthwise_relu6(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, const depthwise_shape &shape);

} // namespace desy

#endif
