#include "model/passes.hpp"

#include "base/random.h"

#include <algorithm>

namespace desy {

void dropout_factors(float *factors, const dropout_rule &rule, int64_t n, int64_t units, int layer)
{
    const float kept = (float)(1 / (1 - rule.probability)); /* inverted dropout */
    if (rule.probability <= 0) {
        std::fill(factors, factors + n * units, 1.f);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t unit = 0; unit < units; unit++)
            factors[i * units + unit] = desy_random_uniform(rule.seed, rule.ids[i], ((uint64_t)layer << 32) + (uint64_t)unit) < rule.probability ? 0 : kept;
}

} // namespace desy
