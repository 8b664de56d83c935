/* Inside model/: 3 x 3 convolutions of stride 1, each side padded by 1, by Winograd's minimal filtering F(4 x 4, 3 x 3): 36 multiplications for 16
 * outputs, where the definition takes 144. Lavin and Gray, Fast algorithms for convolutional neural networks, CVPR 2016, section 4.3. */
#ifndef DESY_MODEL_WINOGRAD_HPP
#define DESY_MODEL_WINOGRAD_HPP

#include <ATen/core/Tensor.h>

namespace desy {

/* On a processor with vectors of 512 bits, for multiples of 32 channels, and where the weights, four times as many as before, serve enough outputs. */
bool winograd_fits(int in, int out, int side);
/* taps (out, in, 3, 3) float64 -> what winograd_relu takes, float32. */
at::Tensor winograd_weight(const at::Tensor &taps);
/* x (N, in, side, side) float32, channels last; bias (out) -> max(0, conv(x) + bias), channels last. On the calling thread. */
at::Tensor winograd_relu(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias);

} // namespace desy

#endif
