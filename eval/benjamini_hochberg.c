#include "eval/benjamini_hochberg.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *left, const void *right)
{
    const double a = **(double *const *)left, b = **(double *const *)right;
    return (a > b) - (a < b);
}

int desy_benjamini_hochberg(double *p, size_t n)
{
    double **order = malloc((n + 1) * sizeof *order), least = 1;
    if (!order) return desy_error_memory("tests");
    for (size_t i = 0; i < n; i++) order[i] = &p[i];
    qsort(order, n, sizeof *order, by_value);
    for (size_t i = n; i-- > 0;) *order[i] = least = fmin(least, *order[i] * (double)n / (double)(i + 1));
    free(order);
    return DESY_OK;
}
