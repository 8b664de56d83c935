/* Inside model/: an architecture's passes written out for the CPU, where libtorch's operators and graph of gradients would take as long as the arithmetic. They are a second
 * form of what the architecture says in libtorch's operators, which is what runs elsewhere, and tests hold both against PyTorch. */
#ifndef DESY_MODEL_PASSES_HPP
#define DESY_MODEL_PASSES_HPP

#include "base/aligned.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

namespace desy {

struct freeing {
    void operator()(void *memory) const { free(memory); }
};
using floats = std::unique_ptr<float[], freeing>; /* (base/aligned.h) */

inline floats make_floats(size_t n)
{
    float *values = (float *)desy_aligned_alloc(n * sizeof(float));
    if (!values) throw std::bad_alloc();
    return floats(values);
}

/* Room for many arrays that live as long as it does, small ones side by side in huge pages. */
class arena {
public:
    template <class T> T *take(size_t n)
    {
        const size_t wanted = (n * sizeof(T) + 63) / 64 * 16; /* floats, whole lines of the cache */
        if (wanted > left) {
            left = std::max(wanted, chunk);
            chunks.push_back(make_floats(left));
            next = chunks.back().get();
        }
        float *taken = next;
        next += wanted, left -= wanted;
        return (T *)taken;
    }
    float *take(size_t n) { return take<float>(n); }

private:
    static constexpr size_t chunk = (size_t)2 << 18; /* floats: a huge page */
    std::vector<floats> chunks;
    float *next = nullptr;
    size_t left = 0;
};

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
