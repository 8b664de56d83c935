/* The scores of the last videos beside those that the model was trained on, for GET /metrics (docs/monitoring.md). Thread-safe. */
#ifndef DESY_SERVE_DRIFT_WINDOW_H
#define DESY_SERVE_DRIFT_WINDOW_H

#include "eval/drift_scores.h"
#include "train/classifier.h"

#define DESY_DRIFT_WINDOW 1000 /* videos */

typedef struct desy_drift_window desy_drift_window;

int desy_drift_window_open(desy_drift_window **window);
void desy_drift_window_close(desy_drift_window **window);
/* The model in use from now on; another one than before: its window is empty. One that keeps no reference of its training is not measured. */
void desy_drift_window_begin(desy_drift_window *window, const desy_classifier *classifier);
/* A video's logit, by this model; another model's are left out. */
void desy_drift_window_add(desy_drift_window *window, const desy_classifier *classifier, double logit);
/* false: too few videos yet (DESY_DRIFT_LEAST), no reference, or no memory; *n: videos in the window. */
bool desy_drift_window_measure(desy_drift_window *window, struct desy_drift_figures *figures, size_t *n);

#endif
