/* The model that ships. */
#ifndef DESY_DETECT_DEFAULT_MODEL_H
#define DESY_DETECT_DEFAULT_MODEL_H

/* `named`, where it is not NULL. Else hybrid-1 of $DESY_MODELS_DIR; if that is not set, models/hybrid-1 of the tree that the program was
 * installed to, or of the source tree that it was built in. *directory: new, caller frees. DESY_EENV: it is in neither. Never a model that was
 * trained here: that one is named by --model. */
int desy_model_or_default(char **directory, const char *named);

#endif
