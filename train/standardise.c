#include "train/standardise.h"

#include "base/cpu.h"

DESY_VECTOR_CLONES void desy_standardise(double *restrict z, const float *x, int inputs, const double *median, const double *scale)
{
    for (int d = 0; d < inputs; d++) {
        const double value = ((double)x[d] - median[d]) / scale[d], above = value > -3 ? value : -3;
        z[d] = above < 3 ? above : 3;
    }
}
