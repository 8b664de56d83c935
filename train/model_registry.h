/* Versions of a model side by side: what model.json says of each, which is in use, whether one may take the place of another. Not collective. */
#ifndef DESY_TRAIN_MODEL_REGISTRY_H
#define DESY_TRAIN_MODEL_REGISTRY_H

#include "train/classifier.h"
#include "train/model_history.h"

/* `version`: "v0002", or "current". Weights, seal and all are verified. DESY_EDATA: no such directory or version, or it is damaged. */
int desy_registry_open(desy_classifier **classifier, const char *save_dir, const char *version);

/* {"save_dir", "current" (absent: none), "versions": [{"name", "current", "made", "summary" or "fault"}]}; new, caller deletes. A version that
 * can't be used has its `fault`, in words, and is no error. "made": when model.json was written, UTC. DESY_EDATA: no such directory, no version. */
int desy_registry_list(cJSON **report, const char *save_dir);

/* What a line has room for: {"out_of_fold_auc", "validation_auc", "threshold", "levels": [names], "training_items", "desy"}; what
 * model.json lacks is absent. New; NULL: memory. Pure. */
cJSON *desy_model_summary(const cJSON *model);

/* Two model.json: {"comparable", "why" (in words), "figures": [{"what", "a", "b"}], "differs": [{"what", "a", "b"}]}: every figure, and what
 * was not alike in how they came about (extractor, data, options, channels, versions). A side that lacks a member lacks "a" or "b". New; NULL: memory. Pure. */
cJSON *desy_model_compare(const cJSON *a, const cJSON *b);

/* Is `candidate` as good as `other`, by the out-of-fold AUC? That says something only if both were measured on the same clips with the same features:
 * equal data_sha256 and training_sha256. Pure. */
enum desy_model_order { DESY_MODEL_AS_GOOD, DESY_MODEL_WORSE, DESY_MODEL_OTHER_DATA };
enum desy_model_order desy_model_order(const cJSON *candidate, const cJSON *other);

/* Has SAVE_DIR/current name `version`, once it was verified. Refused unless `force`: one that is worse than the version in use, or can't be
 * compared with it. One that is in use already stays so. before: what was in use, "" if nothing. DESY_EDATA: refused, or as desy_registry_open. */
int desy_registry_promote(const char *save_dir, const char *version, bool force, char before[DESY_VERSION_NAME]);

/* Has SAVE_DIR/current name the version that was in use before, once it was verified; before, now: their names. DESY_EDATA: there is none. */
int desy_registry_rollback(const char *save_dir, char before[DESY_VERSION_NAME], char now[DESY_VERSION_NAME]);

/* A warning in the log if the model in `directory` is worse than that in `before`, both of SAVE_DIR, on the same data. */
void desy_registry_warn_if_worse(const char *save_dir, const char *before, const char *directory);

#endif
