#include "model/loss.hpp"

#include <cmath>

namespace desy {

/* ln(1 + e^x), without overflow. */
static double softplus(double x)
{
    return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x)));
}

/* For a target t: BCE = -t ln p - (1 - t) ln(1 - p), p = sigmoid(z); focal (Lin et al. 2017, eq. 5) = alpha_t m^gamma BCE, where m = 1 - p_t = t (1 - p) + (1 - t) p
 * is how wrong p is, and for a hard label the sigmoid of -+z, which is exact where p is near 1. A soft target goes into the same formulae: what torchvision's sigmoid_focal_loss does. */
double loss_of(const desy_network_loss &how, double z, double label, double *slope)
{
    const double t = label * (1 - how.label_smoothing) + how.label_smoothing / 2;
    const double p = 1 / (1 + std::exp(-z)), q = 1 / (1 + std::exp(z)); /* q = 1 - p */
    const double cross_entropy = t * softplus(-z) + (1 - t) * softplus(z), steepness = (1 - t) * p - t * q;
    *slope = steepness;
    if (!how.focal) return cross_entropy;
    const double wrong = t * q + (1 - t) * p, weight = how.alpha < 0 ? 1 : how.alpha * t + (1 - how.alpha) * (1 - t);
    if (wrong <= 0) return *slope = 0; /* beyond what a double can hold */
    const double factor = weight * std::pow(wrong, how.gamma);
    *slope = factor * (how.gamma * (1 - 2 * t) * p * q / wrong * cross_entropy + steepness);
    return factor * cross_entropy;
}

} // namespace desy
