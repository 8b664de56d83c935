/* Inside train/: what model.json says of where a model comes from, and how one training is told from another. Not collective. */
#ifndef DESY_TRAIN_PROVENANCE_H
#define DESY_TRAIN_PROVENANCE_H

#include "train/ensemble.h"
#include "train/epochs.h"

#include <cjson/cJSON.h>

struct desy_train_identity {
    char data_sha256[65];  /* content_sha256 of the store */
    char fingerprint[65];  /* of the data, the options and the program's version: equal ones give equal models */
};

struct desy_train_metrics {
    double out_of_fold_auc, out_of_fold_loss, out_of_fold_accuracy; /* of training items, by channels that have not seen them */
    double validation_auc, validation_loss, validation_accuracy, threshold;
    bool by_source;
    size_t counts[3][2]; /* part, label */
};

/* Reads the whole store once. */
int desy_train_identify(struct desy_train_identity *identity, desy_store *store, const struct desy_train_options *options);

/* All of model.json but the ensemble's members (docs/data.md). curves (ensemble->n): count 0 for what is no full form. */
int desy_train_describe(cJSON *model, const desy_store *store, const struct desy_train_options *options, const struct desy_train_identity *identity,
                        const char *training_sha256, const struct desy_train_metrics *metrics, const struct desy_ensemble *ensemble, const struct desy_curve *curves);

#endif
