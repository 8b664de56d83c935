#include "train/loss_scale.h"

#define INTERVAL 2000

bool desy_loss_scale_update(struct desy_loss_scale *scale, bool is_finite)
{
    scale->steps = is_finite ? scale->steps + 1 : 0;
    if (!is_finite) scale->scale /= 2;
    if (scale->steps < INTERVAL) return is_finite;
    scale->scale *= 2;
    scale->steps = 0;
    return true;
}

void desy_unscale(float *gradient, size_t count, double scale)
{
    const float factor = (float)(1 / scale);
    for (size_t i = 0; i < count; i++) gradient[i] *= factor;
}
