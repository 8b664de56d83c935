/* Inside train/: what is wrong with a training, in words, and what to do next. Findings come from the learning curve of a full form, the out-of-fold
 * AUC and the final verdicts, by rules with the numbers that are in them; a training that went well has none. Pure. */
#ifndef DESY_TRAIN_DIAGNOSIS_H
#define DESY_TRAIN_DIAGNOSIS_H

#include "train/epochs.h"

#include <cjson/cJSON.h>

#define DESY_MOST_FINDINGS 24

struct desy_finding {
    const char *finding; /* "learning_rate_too_high", "does_not_converge", "not_finished", "overfits", "labels_look_shuffled", "one_class" */
    char words[512];     /* what was seen, and what to do, naming options */
};

struct desy_diagnosis {
    struct desy_finding findings[DESY_MOST_FINDINGS]; /* more are left out */
    int n;
};

/* The AUC that guessing stays below in 39 of 40 cases: half plus 1.96 standard errors of the Mann-Whitney statistic without ties where the classes do
 * not differ, (n0 + n1 + 1) / (12 n0 n1) (Mann & Whitney 1947). items: of each class. */
double desy_chance_auc(const double items[2]);

/* The curve of one full form, which the words call `name`. The training loss is in the units of options' loss, the validation loss a log loss with classes of
 * equal weight: ln 2 is chance.
 * learning_rate_too_high: a loss that is not finite; a training loss above 2 ln 2; later epochs above the first one; up and down by a tenth of it an epoch.
 * does_not_converge: a training loss that has fallen by less than 5 %, and a validation loss that was never below .95 ln 2.
 * not_finished: the validation loss fell by .01 or more in the very last epoch that --epochs allows.
 * overfits: after the best epoch the validation loss is a tenth higher on average, while the training loss has fallen by a tenth. */
void desy_diagnose_curve(struct desy_diagnosis *diagnosis, const char *name, const struct desy_curve *curve, const struct desy_train_options *options);

/* labels_look_shuffled: training items are told apart by channels that know them (trained_auc), above chance, but not by channels that do not. A
 * trained_auc near 0 tells them apart as well: out of fold they came out reversed by chance, and the fusion was fitted to that. */
void desy_diagnose_labels(struct desy_diagnosis *diagnosis, double trained_auc, double out_of_fold_auc, const double items[2]);

/* one_class: all labelled items, of both classes, are on one side of the threshold. verdicts[label][called AI-generated]: items. */
void desy_diagnose_verdicts(struct desy_diagnosis *diagnosis, size_t verdicts[2][2], const struct desy_train_options *options);

/* [{"finding", "words"}]; new; NULL: memory. */
cJSON *desy_diagnosis_json(const struct desy_diagnosis *diagnosis);

#endif
