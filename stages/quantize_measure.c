#include "stages/quantize.h"

#include "base/error.h"
#include "base/json.h"
#include "eval/versus.h"
#include "stages/store_scores.h"
#include "train/ensemble.h"
#include "train/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 201

static int choose(const struct desy_store_scoring *scoring, const char *store, const char *split, struct desy_chosen_items *chosen)
{
    enum desy_split_part part = DESY_SPLIT_NONE;
    const bool all = strcmp(split, "all") == 0;
    int rc = all ? DESY_OK : desy_split_parse(&part, split);
    if (rc == DESY_OK) rc = desy_choose_items(&scoring->items, all, part, chosen);
    if (rc == DESY_OK && chosen->n == 0) rc = desy_error(DESY_EDATA, "%s has no labelled video in the %s part; try --split all", store, split);
    return rc;
}

/* The AUC of what the second says less that of the first, over the same clips. */
static int compare(struct desy_invocation *invocation, const struct desy_store_scoring *scoring, desy_classifier *const classifiers[2], const struct desy_chosen_items *chosen, const char *split,
                   struct desy_quantize_measured *measured)
{
    struct desy_scores scores[2] = {{0}, {0}};
    const struct desy_rival rival = {.scores = &scores[1], .threshold = desy_classifier_threshold(classifiers[1]), .name = "int8", .ours = "fp32"};
    const struct desy_report_options options = {.threshold = desy_classifier_threshold(classifiers[0]), .seed = invocation->seed, .level = "all", .split = split, .rival = &rival};
    cJSON *json = cJSON_CreateObject();
    int rc = json ? DESY_OK : desy_error_memory("the comparison");
    for (int k = 0; rc == DESY_OK && k < 2; k++) {
        struct desy_store_scoring of_one = *scoring;
        of_one.classifier = classifiers[k];
        rc = desy_store_score(&of_one, invocation->world, chosen, 0, &scores[k]);
    }
    if (rc == DESY_OK) rc = desy_versus_add(invocation->world, &scores[0], &options, json);
    if (rc == DESY_OK) {
        measured->versus = cJSON_DetachItemFromObjectCaseSensitive(json, "versus");
        measured->loss = -desy_json_number_of(desy_json_member(measured->versus, "roc_auc"), "difference");
        if (!isfinite(measured->loss)) rc = desy_error(DESY_EDATA, "so many clips are not compared (%d at most): take a part of the store", (int)desy_json_number_of(measured->versus, "n"));
    }
    for (int k = 0; k < 2; k++) desy_scores_close(&scores[k]);
    cJSON_Delete(json);
    return rc;
}

/* Of a clip that could be read; channels that read its pictures or sound are not timed, as they have nothing in 8 bits. */
static int time_channels(const struct desy_store_scoring *scoring, desy_classifier *const classifiers[2], const struct desy_chosen_items *chosen, struct desy_quantize_measured *measured)
{
    const struct desy_ensemble *ensemble = desy_classifier_ensemble(classifiers[0]);
    const int frames = desy_store_frames(scoring->store);
    float *features = malloc((size_t)frames * (size_t)desy_store_dims(scoring->store) * sizeof *features), *vector = malloc((size_t)desy_pool_width(&ensemble->layout) * sizeof *vector);
    size_t clip = SIZE_MAX;
    int rc = features && vector ? DESY_OK : desy_error_memory("a clip");
    for (size_t i = 0; clip == SIZE_MAX && i < chosen->n; i++) clip = desy_item_first_clip(&scoring->items, chosen->items[i]);
    if (rc != DESY_OK || clip == SIZE_MAX) goto out;
    const struct desy_item_clip *of = &scoring->items.clips[clip];
    DESY_TRY(desy_store_read_features(scoring->store, (size_t)of->row, 1, features));
    DESY_TRY(desy_pool(vector, &ensemble->layout, features, frames, of->n_frames));
    const struct desy_clip_numbers numbers = {.vector = vector, .features = features, .frames = frames, .n_frames = of->n_frames, .text = "a text"};
    for (int i = 0; i < ensemble->n; i++) {
        const enum desy_reads reads = ensemble->heads[i].channel->reads;
        if (reads == DESY_READS_CROPS || reads == DESY_READS_AUDIO) continue;
        DESY_TRY(desy_quantise_times((const desy_classifier *const *)classifiers, i, &numbers, RUNS, measured->seconds[i]));
    }
out:
    free(features);
    free(vector);
    return rc;
}

int desy_quantize_measure(struct desy_invocation *invocation, desy_classifier *const classifiers[2], const char *store, const char *split, struct desy_quantize_measured *measured)
{
    struct desy_store_scoring scoring = {.classifier = classifiers[0], .level = -1, .level_name = "all"};
    struct desy_chosen_items chosen = {0};
    int rc;
    DESY_TRY(desy_store_open(&scoring.store, store));
    DESY_TRY(desy_store_scoring_check(&scoring, store, desy_classifier_directory(classifiers[0]), true));
    DESY_TRY(desy_items_read(invocation->world, scoring.store, desy_classifier_seed(classifiers[0]), false, &scoring.items));
    DESY_TRY(choose(&scoring, store, split, &chosen));
    DESY_TRY(compare(invocation, &scoring, classifiers, &chosen, split, measured));
    rc = time_channels(&scoring, classifiers, &chosen, measured);
out:
    free(chosen.items);
    desy_items_close(&scoring.items);
    desy_store_close(&scoring.store);
    return rc;
}
