/* Inside model/: the shape of the high level's full form. */
#ifndef DESY_MODEL_HIGH_MLP_HPP
#define DESY_MODEL_HIGH_MLP_HPP

#include "model/passes.hpp"
#include "model/quantised.hpp"

namespace desy {

constexpr int64_t high_mlp_widths[] = {512, 256}; /* of the hidden layers */

std::unique_ptr<passes> high_mlp_passes(const float *parameters, int frames, int inputs, int most, bool bf16, const quantised_layers &quantised);

} // namespace desy

#endif
