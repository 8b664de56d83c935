/* Inside train/: which version of a save directory is in use, and which were before. `current` holds the name of one and a newline; `history` the
 * names that it held before, one a line, the last one last. Whoever changes them holds a lock on the directory, so that trainings that end
 * at the same time lose no line; on a file system without locks a line may be lost, and nothing else. Not collective. */
#ifndef DESY_TRAIN_MODEL_HISTORY_H
#define DESY_TRAIN_MODEL_HISTORY_H

#include <stdbool.h>

#define DESY_VERSION_NAME 6 /* "v0001" and a NUL */

/* Is this the name of a version: v and four digits? */
bool desy_is_version(const char *name);

/* The name in `current`; "" if there is no such file, or one that can't be read or names no version. */
int desy_history_current(char name[DESY_VERSION_NAME], const char *save_dir);

/* Has `current` name this version. What it named goes into `history` first: a crash in between loses nothing. DESY_EENV. */
int desy_history_use(const char *save_dir, const char *name);

/* The version that was in use before, of those that are still there; "" if there is none. */
int desy_history_previous(char name[DESY_VERSION_NAME], const char *save_dir);

/* Has `current` name the previous version, which must still be `expected`, and takes it out of `history`. DESY_EENV: another process has changed
 * it meanwhile, or it can't be written. */
int desy_history_step_back(const char *save_dir, const char *expected);

#endif
