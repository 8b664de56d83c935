/* Inside model/: libtorch's mixed precision, for as long as this lives: products in the lower one, sums and what needs the range in float32. */
#ifndef DESY_MODEL_AUTOCAST_HPP
#define DESY_MODEL_AUTOCAST_HPP

#include "model/model.h"

#include <ATen/autocast_mode.h>

namespace desy {

class autocast {
public:
    autocast(const at::Device &device, desy_precision precision) : device(device.type()), was_enabled(at::autocast::is_autocast_enabled(this->device))
    {
        if (precision == DESY_FP32) return;
        at::autocast::set_autocast_dtype(this->device, precision == DESY_BF16 ? at::kBFloat16 : at::kHalf);
        at::autocast::set_autocast_enabled(this->device, true);
    }
    ~autocast()
    {
        at::autocast::clear_cache(); /* of parameters in the lower precision, which are about to change */
        at::autocast::set_autocast_enabled(device, was_enabled);
    }
    autocast(const autocast &) = delete;
    autocast &operator=(const autocast &) = delete;

private:
    const at::DeviceType device;
    const bool was_enabled;
};

} // namespace desy

#endif
