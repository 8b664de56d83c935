/* loss_scale: on stdin a line of 0 and 1: gradients that are not finite, and that are. On stdout, of each, the scale after it and whether the step is taken. */
#include "train/loss_scale.h"

#include <stdio.h>

int main(void)
{
    struct desy_loss_scale scale = DESY_LOSS_SCALE_FIRST;
    for (int c; (c = getchar()) == '0' || c == '1';) {
        const bool taken = desy_loss_scale_update(&scale, c == '1');
        printf("%.17g %d\n", scale.scale, taken);
    }
    return 0;
}
