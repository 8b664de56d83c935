/* Inside train/ and for tests: the scale of a loss in fp16, where small gradients would become 0 (Micikevicius et al. 2018, section 3.2); the rules of torch.amp.GradScaler. */
#ifndef DESY_TRAIN_LOSS_SCALE_H
#define DESY_TRAIN_LOSS_SCALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct desy_loss_scale {
    double scale;  /* a power of two */
    int64_t steps; /* since it was changed */
};
#define DESY_LOSS_SCALE_FIRST ((struct desy_loss_scale){65536, 0})

/* After a gradient, `is_finite` or not. Where it is not, the scale is halved and the step must be left out: false. After 2,000 steps it is doubled. */
bool desy_loss_scale_update(struct desy_loss_scale *scale, bool is_finite);
/* gradient /= scale, which is exact. */
void desy_unscale(float *gradient, size_t count, double scale);

#endif
