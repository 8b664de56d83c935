/* Are numbers numbers? */
#ifndef DESY_BASE_FINITE_H
#define DESY_BASE_FINITE_H

#include <stdbool.h>
#include <stddef.h>

/* None of them is NaN or infinite. By their bits, many at once. */
bool desy_all_finite(const float *values, size_t n);

#endif
