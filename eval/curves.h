/* The ROC, precision-recall and DET curves: exact in files, thinned for pictures. */
#ifndef DESY_EVAL_CURVES_H
#define DESY_EVAL_CURVES_H

#include "eval/ranking.h"

struct desy_curve_point { double fpr, tpr, precision; };

/* Collective; agreed. Writes roc.csv (fpr,tpr,threshold: the points of scikit-learn's roc_curve, first threshold inf), pr.csv
 * (precision,recall,threshold: those of its precision_recall_curve, the last, 1,0, without a threshold) and det.csv (fpr,fnr,threshold: those of its det_curve, the
 * last threshold inf where the highest score is a negative's). With one class alone: the header alone, for there is no curve. */
int desy_curves_write(desy_world *world, const desy_ranking *ranking, const char *directory);

/* Collective; agreed. At most 401 points, evenly over the thresholds, first (0, 0), last (1, 1); on rank 0 (others NULL, 0).
 * *points: new, caller frees. Both classes present. */
int desy_curves_thin(desy_world *world, const desy_ranking *ranking, struct desy_curve_point **points, size_t *n);

#endif
