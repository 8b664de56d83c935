/* Versions v0001, v0002, ... under a save directory, and `current`, which names one. Not collective: one process writes. */
#ifndef DESY_TRAIN_MODEL_DIRECTORY_H
#define DESY_TRAIN_MODEL_DIRECTORY_H

#include "train/ensemble.h"

/* What DIRECTORY/model.json says; new. NULL: there is none that can be read. */
cJSON *desy_model_read(const char *directory);

/* The directory that SAVE_DIR/current names; new, caller frees. DESY_EDATA: there is no such file, or it names nothing of this directory. */
int desy_model_follow_current(char **directory, const char *save_dir);

/* The directory of the version in use, and the fingerprint of its training; "" and NULL if there is none, or none that can be
 * read. *directory: new, caller frees. */
int desy_model_current(const char *save_dir, char **directory, char fingerprint[65]);

/* Numbers of the versions that are there, ascending; new, caller frees. DESY_EDATA: no such directory. */
int desy_model_versions(int **versions, size_t *n, const char *save_dir);

/* One more than the highest of them. DESY_EENV: there are 9999. */
int desy_model_next_version(const char *save_dir, int *version);

/* SHA-256 of a model.json but for its member "sha256": what it says, however it is spaced. */
int desy_model_sha256(char hex[65], const cJSON *model);

/* Writes ensemble and model.json (`model` gets the ensemble's members and "sha256") into a new directory beside `beside`, under a name of its own: the caller renames or removes it.
 * *temporary: new, caller frees; NULL if it fails, and then nothing is left. DESY_EENV. */
int desy_model_write(const char *beside, const struct desy_ensemble *ensemble, cJSON *model, char **temporary);
/* Removes the files of a model that was written so, and the directory. */
void desy_model_remove(const char *directory);

/* Writes ensemble and model.json (`model` gets the ensemble's members and "sha256") as the next version, which is then in use
 * (train/model_history.h). *directory: new, caller frees. Trainings that run at once, on one host or several, get versions of their own. DESY_EENV. */
int desy_model_publish(const char *save_dir, const struct desy_ensemble *ensemble, cJSON *model, char **directory);

#endif
