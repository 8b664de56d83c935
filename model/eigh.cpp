#include "model/guard.hpp"
#include "model/model.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <cmath>
#include <cstdlib>
#include <cstring>

/* MKL, where libtorch was built with it, has other code for other processors, with other last bits; and reads this at its first call:
 * a model fitted to one store is to be the same on any x86-64. */
[[maybe_unused]] static const int same_everywhere = setenv("MKL_CBWR", "COMPATIBLE", 1);

/* -1 where the component of largest magnitude (of equal ones the first) is negative, else 1. */
static double sign_of(const double *vector, size_t n)
{
    size_t largest = 0;
    for (size_t i = 1; i < n; i++)
        if (std::fabs(vector[i]) > std::fabs(vector[largest])) largest = i;
    return vector[largest] < 0 ? -1 : 1;
}

int desy_eigh(const double *matrix, int n, int k, double *values, double *vectors)
{
    if (n < 1 || k < 0 || k > n) return desy_error(DESY_EUSAGE, "%d eigenvectors of a matrix of order %d", k, n);
    size_t order = (size_t)n;
    for (size_t i = 0; i < order * order; i++)
        if (!std::isfinite(matrix[i]))
            return desy_error(DESY_EDATA, "a matrix of order %d holds NaN or infinity in row %zu, column %zu", n, i / order, i % order);
    return desy::guard("eigenvectors of a symmetric matrix", [&] {
        c10::InferenceMode inference;
        at::set_num_threads(1);
        at::Tensor input = at::empty({n, n}, at::kDouble);
        memcpy(input.data_ptr<double>(), matrix, order * order * sizeof *matrix);
        auto [ascending, columns] = at::linalg_eigh(input, "L");
        at::Tensor rows = columns.t().contiguous();
        for (int i = 0; i < n; i++) values[i] = ascending.data_ptr<double>()[n - 1 - i];
        for (int i = 0; i < k; i++) {
            const double *vector = rows.const_data_ptr<double>() + (order - 1 - (size_t)i) * order;
            double sign = sign_of(vector, order);
            for (size_t c = 0; c < order; c++) vectors[(size_t)i * order + c] = sign * vector[c];
        }
        return DESY_OK;
    });
}
