/* Has another model been promoted? */
#ifndef DESY_DETECT_MODEL_STAMP_H
#define DESY_DETECT_MODEL_STAMP_H

#define DESY_MODEL_STAMP 65

/* A digest of where the model lies (that of a save directory: its current version; NULL: the one that ships) and of sizes and times of its files: another one after it was promoted,
 * rolled back or written again. "": there is none now. */
void desy_model_stamp(char stamp[DESY_MODEL_STAMP], const char *model);

#endif
