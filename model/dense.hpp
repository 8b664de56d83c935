/* Inside model/: a linear layer (Linear of torch.nn) of passes on the CPU: its three products. */
#ifndef DESY_MODEL_DENSE_HPP
#define DESY_MODEL_DENSE_HPP

#include "model/passes.hpp"
#include "model/quantised.hpp"

namespace desy {

/* Room that layers share, since they work one after another. */
struct dense_room {
    bool bf16; /* products of numbers rounded to bfloat16 */
    const quantised_layers *quantised; /* layers in 8 bits, which go forward alone */
    arena memory;
    float *turned;
    uint16_t *a;
    uint32_t *b;

    /* For up to `rows` rows and layers of up to `widest` inputs or outputs. */
    void open(int64_t rows, int64_t widest, bool in_bf16, const quantised_layers &in_8_bits);
};

class dense {
public:
    /* weight (out, in), borrowed */
    void open(dense_room *shared, const float *weight, int64_t out, int64_t in);
    /* After the weight has changed. */
    void prepare();
    /* y (rows, out) += x (rows, in) weight^T */
    void forward(float *y, const float *x, int64_t rows) const;
    /* dx (rows, in) = dy (rows, out) weight */
    void input_gradient(float *dx, const float *dy, int64_t rows) const;
    /* gradient (out, in) = dy^T x */
    void weight_gradient(float *gradient, const float *dy, const float *x, int64_t rows) const;

private:
    dense_room *room = nullptr;
    const float *weight = nullptr;
    const quantised_layer *quantised = nullptr;
    int64_t out = 0, in = 0;
    float *turned = nullptr;                            /* (in, out) */
    uint32_t *pairs = nullptr, *turned_pairs = nullptr; /* bf16: both, as products read them */
};

} // namespace desy

#endif
