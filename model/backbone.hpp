/* The networks behind desy_backbone: images (N, 3, 224, 224) float32, channels last, already normalised, to features (N, D). */
#ifndef DESY_MODEL_BACKBONE_HPP
#define DESY_MODEL_BACKBONE_HPP

#include "model/convolution.hpp"

#include <ATen/core/Tensor.h>
#include <memory>

namespace desy {

struct encoder {
    virtual ~encoder() = default;
    virtual at::Tensor features(const at::Tensor &images) = 0;
};

/* Each throws weights_error for a file that does not fit. */
std::unique_ptr<encoder> efficientnet_lite0(const char *path, const placement &where);
std::unique_ptr<encoder> resnet50(const char *path, const placement &where);
std::unique_ptr<encoder> torchscript(const char *path, const placement &where);

} // namespace desy

#endif
