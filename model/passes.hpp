/* Inside model/: an architecture's passes written out for the CPU, where libtorch's operators and graph of gradients would take as long as the arithmetic. They are a second
 * form of what the architecture says in libtorch's operators, which is what runs elsewhere, and tests hold both against PyTorch. */
#ifndef DESY_MODEL_PASSES_HPP
#define DESY_MODEL_PASSES_HPP

#include "base/aligned.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace desy {

struct freeing {
    void operator()(void *memory) const { free(memory); }
};
template <class T> using room_of = std::unique_ptr<T[], freeing>;
using floats = room_of<float>;

/* Room for n numbers (base/aligned.h). */
template <class T> room_of<T> make_room(size_t n)
{
    T *values = (T *)desy_aligned_alloc(n * sizeof(T));
    if (!values) throw std::bad_alloc();
    return room_of<T>(values);
}
inline floats make_floats(size_t n) { return make_room<float>(n); }

struct dropout_rule {
    double probability; /* 0: none */
    uint64_t seed;
    const uint64_t *ids; /* (n) */
};
/* factors (n, units) of the layer-th hidden layer: 0, or 1 / (1 - probability): a function of seed, id, layer and unit alone. */
void dropout_factors(float *factors, const dropout_rule &rule, int64_t n, int64_t units, int layer);

struct passes {
    virtual ~passes() = default;
    /* Before the first pass, and after parameters changed. */
    virtual void prepare() = 0;
    /* x (n, frames, inputs), n <= most; lengths (n), NULL: all frames; logits (n). What backward needs stays, x included. */
    virtual void forward(float *logits, const float *x, const int32_t *lengths, int n, const dropout_rule &dropout) = 0;
    /* Of the last forward: gradient [P], overwritten, of sum_i d_logits[i] logits[i]. */
    virtual void backward(float *gradient, const float *d_logits) = 0;
};

} // namespace desy

#endif
