#include "eval/kolmogorov.h"

#include <math.h>
#include <stdlib.h>

/* Of all orders of the two samples, equally likely, the share of those whose path comes to a point i of n, j of m with |i m - j n| >= distance: left(i, j) is that share of the paths to (i, j), whose
 * last step was one of n with probability i / (i + j). Sums of what is positive, so that a tiny p has its digits. NaN: no memory. */
static double leaves_band(int64_t n, int64_t m, int64_t distance)
{
    double *left = calloc((size_t)m + 1, sizeof *left), share;
    if (!left) return NAN;
    for (int64_t i = 0; i <= n; i++)
        for (int64_t j = 0; j <= m; j++) {
            if (llabs(i * m - j * n) >= distance) left[j] = 1;
            else if (i + j == 0) left[j] = 0;
            else left[j] = (i ? (double)i * left[j] : 0) / (double)(i + j) + (j ? (double)j * left[j - 1] : 0) / (double)(i + j);
        }
    share = left[m];
    free(left);
    return share;
}

/* P(K >= x) of Kolmogorov's distribution: 2 sum over k of (-1)^(k - 1) exp(-2 k^2 x^2), and for small x, where that converges slowly, by Jacobi's other form of it. */
static double kolmogorov_tail(double x)
{
    double sum = 0;
    if (x < .2) return 1; /* to 1e-12 */
    if (x < 1) {
        for (int k = 1; k < 20; k++) sum += exp(-(2 * k - 1) * (2 * k - 1) * M_PI * M_PI / (8 * x * x));
        return 1 - sqrt(2 * M_PI) / x * sum;
    }
    for (int k = 1; k < 20; k++) sum += (k % 2 ? 1 : -1) * exp(-2. * k * k * x * x);
    return fmin(1, 2 * sum);
}

double desy_kolmogorov_p(int64_t n, int64_t m, int64_t distance, bool *exact)
{
    double p = NAN;
    if (distance <= 0) {
        *exact = true;
        return 1;
    }
    if (m <= DESY_KOLMOGOROV_EXACT / n) p = n < m ? leaves_band(m, n, distance) : leaves_band(n, m, distance);
    *exact = !isnan(p);
    if (*exact) return fmin(1, p);
    const double pairs = (double)n * (double)m, root = sqrt(pairs / ((double)n + (double)m));
    return kolmogorov_tail((root + .12 + .11 / root) * ((double)distance / pairs));
}
