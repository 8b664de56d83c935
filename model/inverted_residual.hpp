/* Inside model/: a block of MobileNetV2 and EfficientNet on the CPU: a convolution of 1 x 1 that makes more channels, one of k x k within each channel, one of 1 x 1 back to few; ReLU6 after the first two; the
 * input added where it has the shape of the output. Sandler et al., MobileNetV2: Inverted residuals and linear bottlenecks, CVPR 2018. The wide tensors between are made and used up in parts that stay in the cache
 * (section 5.1 there says that they can be). */
#ifndef DESY_MODEL_INVERTED_RESIDUAL_HPP
#define DESY_MODEL_INVERTED_RESIDUAL_HPP

#include "model/convolution.hpp"

#include <cstdint>

namespace desy {

class inverted_residual {
public:
    /* In float32, where convolutions are fused too, on a processor with fused multiply-adds of 256 or 512 bits. */
    static bool fits(const placement &where);

    /* expand: NULL where the block has none. shape: of the depthwise convolution, of 3 x 3 or 5 x 5, stride 1 or 2, over a multiple of 16 channels, of a side of
     * at most 128. */
    inverted_residual(const folded *expand, const folded &depthwise, const convolution_shape &shape, const folded &project);
    /* y (N, out_side, out_side, out) of x (N, side, side, in), float32. On the calling thread. */
    at::Tensor operator()(const at::Tensor &x) const;

private:
    /* What is computed at once: whole frames or rows of outputs of one, and some of the wide channels. */
    struct part {
        int64_t frames, row, rows, channel, channels;
    };
    struct rooms {
        float *padded, *convolved, *expanded;
    };
    void clear_margins(float *planes, int64_t count, int64_t height, int64_t above, int64_t below) const;
    void widen(float *padded, float *room, const float *x, const part &of, int64_t height) const;
    void add_part(float *y, const float *x, const part &of, const rooms &in_rooms) const;

    int64_t in, wide, out, kernel, stride, before, side, out_side, padded_side; /* padded_side: what the outputs of a row look at */
    part most = {};                                                             /* frames, rows, channels */
    bool shortcut;
    /* Tensors, since libtorch's memory begins where a cache line does. */
    at::Tensor expand, expand_bias;       /* (in, wide); undefined: the block has none */
    at::Tensor depthwise, depthwise_bias; /* (kernel, kernel, wide) */
    at::Tensor project, project_bias;     /* (wide, out) */
};

} // namespace desy

#endif
