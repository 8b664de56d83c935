/* Pictures of clips of a store: of its crops, else of the videos, where they still are. Best effort. */
#ifndef DESY_STAGES_THUMBNAILS_H
#define DESY_STAGES_THUMBNAILS_H

#include "features/store.h"
#include "train/items.h"

typedef struct desy_thumbnails desy_thumbnails;

/* Not collective. directory: of the store, whose extract.json says where the videos are. items, chosen are borrowed. DESY_EENV: memory. */
int desy_thumbnails_open(desy_thumbnails **thumbnails, desy_store *store, const char *directory, const struct desy_items *items, const uint64_t *chosen);
/* Of item chosen[row], a JPEG; whether it could. Decodes in a helper process, 20 s at most. For struct desy_known's draw. */
bool desy_thumbnails_draw(void *thumbnails, uint64_t row, const char *path);
void desy_thumbnails_close(desy_thumbnails **thumbnails);

#endif
