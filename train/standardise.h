/* Inside train/: numbers of a clip on the scale of those that a channel was fitted to. */
#ifndef DESY_TRAIN_STANDARDISE_H
#define DESY_TRAIN_STANDARDISE_H

/* z = (x - median) / scale within [-3, 3]; all (inputs), median and scale as desy_fit_standardise finds them. */
void desy_standardise(double *z, const float *x, int inputs, const double *median, const double *scale);

#endif
