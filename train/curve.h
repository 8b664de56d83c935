/* Inside train/: what a full form's epochs came to, and when they end. */
#ifndef DESY_TRAIN_CURVE_H
#define DESY_TRAIN_CURVE_H

#include <stdbool.h>

struct desy_epoch {
    double loss, accuracy; /* of the training items, in training mode, as the epoch went */
    double validation_loss, validation_accuracy;
};

struct desy_curve {
    struct desy_epoch *epochs; /* (count) */
    int count, best;           /* index of the epoch that was kept */
};

/* Early stopping (Prechelt 1998): `patience` epochs have passed since one had a validation loss that was lower by more than min_delta
 * than that of the last such one. A function of the curve alone. */
bool desy_curve_stalls(const struct desy_curve *curve, int patience, double min_delta);
void desy_curve_close(struct desy_curve *curve);

#endif
