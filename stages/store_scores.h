/* What a model says of the items of a store. */
#ifndef DESY_STAGES_STORE_SCORES_H
#define DESY_STAGES_STORE_SCORES_H

#include "eval/scores.h"
#include "features/store.h"
#include "train/classifier.h"
#include "train/items.h"

struct desy_store_scoring {
    desy_store *store;
    desy_classifier *classifier;
    struct desy_items items;
    int level;              /* -1: all */
    const char *level_name; /* "all", "low", ... */
};

/* Indices of items. free(items). */
struct desy_chosen_items {
    uint64_t *items;
    size_t n;
};

/* Not collective. The model must fit the store (DESY_EDATA says in what it does not). first: this rank warns. */
int desy_store_scoring_check(const struct desy_store_scoring *scoring, const char *store, const char *model, bool first);
/* Not collective. Those of a part that have a label; all: of every part. DESY_EENV: memory. */
int desy_choose_items(const struct desy_items *items, bool all, enum desy_split_part part, struct desy_chosen_items *chosen);
/* What is done with an item and its score, the mean over its windows; score->windows 0: it could not be read. Both borrowed; a code other than DESY_OK ends the visit. */
typedef int desy_store_visit(void *context, uint64_t item, const struct desy_store_row *stored, const struct desy_score *score);
/* Not collective; not agreed. Visits this rank's contiguous share of the chosen items, in their order, by the windows of that view. DESY_EDATA: a store that can't be read; DESY_EENV: memory. */
int desy_store_visit_scores(const struct desy_store_scoring *scoring, const desy_world *world, const struct desy_chosen_items *chosen, int view, desy_store_visit *visit, void *context);
/* Not collective; not agreed. Appends this rank's contiguous share of the chosen items, in their order, scored by the mean over the windows of that view; one that could not be read has
 * no score. DESY_EDATA: no such level, a store that can't be read; DESY_EENV: memory. */
int desy_store_score(const struct desy_store_scoring *scoring, const desy_world *world, const struct desy_chosen_items *chosen, int view, struct desy_scores *scores);

#endif
