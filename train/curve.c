#include "train/curve.h"

#include <stdlib.h>
#include <string.h>

bool desy_curve_stalls(const struct desy_curve *curve, int patience, double min_delta)
{
    int last = 0; /* that was better */
    for (int e = 1; e < curve->count; e++)
        if (curve->epochs[e].validation_loss < curve->epochs[last].validation_loss - min_delta) last = e;
    return curve->count - 1 - last >= patience;
}

void desy_curve_close(struct desy_curve *curve)
{
    free(curve->epochs);
    memset(curve, 0, sizeof *curve);
}
