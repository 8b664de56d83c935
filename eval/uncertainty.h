/* How far the figures of a report may be off: intervals of the rates at the threshold, of the AUC where clips come in groups, and by drawing clips, groups and sources again. */
#ifndef DESY_EVAL_UNCERTAINTY_H
#define DESY_EVAL_UNCERTAINTY_H

#include "eval/metrics.h"
#include "eval/report.h"
#include "eval/scheme.h"

#define DESY_BOOTSTRAP_MOST 2000000 /* clips: beyond, every rank would hold too much, and an interval over clips is DeLong's anyway */

/* Collective; agreed. Adds to json (rank 0; NULL elsewhere): tpr_ci, fpr_ci, tnr_ci, accuracy_ci, precision_ci, npv_ci; roc_auc_ci_clustered with its unit; bootstrap, clip_ci,
 * headline_ci; and what is to be said of them, to notes (docs/evaluation.md). DESY_EENV: memory. */
int desy_uncertainty_add(desy_world *world, const struct desy_scores *scores, const struct desy_metrics *metrics, const struct desy_report_options *options, cJSON *json);

/* The widest kind of unit that can be drawn: sources where there are two of either class, else groups where rows have such, else clips. Collective. */
int desy_uncertainty_unit(desy_world *world, const struct desy_scores *scores, enum desy_unit *kind, bool *grouped);

/* Rank 0. "unit" and the numbers of what is drawn. False: memory. */
bool desy_uncertainty_describe(cJSON *object, const struct desy_units *units);

#endif
