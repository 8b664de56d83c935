/* Inside model/: the shape of the mid level's full form. */
#ifndef DESY_MODEL_MID_TRANSFORMER_HPP
#define DESY_MODEL_MID_TRANSFORMER_HPP

#include "model/passes.hpp"
#include "model/quantised.hpp"

namespace desy {

constexpr int64_t mid_transformer_width = 128, mid_transformer_heads = 4, mid_transformer_feed = 256;
constexpr int mid_transformer_layers = 2;

std::unique_ptr<passes> mid_transformer_passes(const float *parameters, int frames, int inputs, int most, bool bf16, const quantised_layers &quantised);

} // namespace desy

#endif
