#include "stages/drift_store.h"

#include "base/error.h"
#include "eval/forecast.h"
#include "stages/device.h"
#include "stages/store_scores.h"
#include "train/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int desy_drift_open_model(desy_classifier **classifier, const char *model, const char *device, const desy_world *world)
{
    char resolved[16];
    const int rc = desy_rank_device(resolved, device, world);
    return rc == DESY_OK ? desy_classifier_open(classifier, model, resolved) : rc;
}

struct collecting {
    const desy_classifier *classifier;
    size_t columns, width;  /* of summaries; of a row: scores, then summaries */
    double *numbers;        /* (n, width) */
    char *sources;          /* texts one after another, each with its NUL */
    size_t n, used, room;
};

static int collect(void *context, uint64_t item, const struct desy_store_row *stored, const struct desy_score *score)
{
    struct collecting *c = context;
    double *row = c->numbers + c->n++ * c->width;
    const size_t size = strlen(stored->source) + 1;
    const double levels[] = {score->low, score->mid, score->high};
    (void)item;
    for (size_t k = 0; k < c->width; k++) row[k] = NAN;
    if (score->windows > 0) {
        row[DESY_DRIFT_LOGIT] = score->logit;
        for (int l = 0; l < 3; l++) row[DESY_DRIFT_LOW + l] = isnan(levels[l]) ? NAN : desy_logit(levels[l]);
        if (c->columns) desy_summary_take(desy_classifier_evidence(c->classifier), desy_classifier_ensemble(c->classifier), score, row + DESY_DRIFT_SCORES);
    }
    if (c->used + size > c->room) {
        char *larger = realloc(c->sources, c->room = 2 * (c->used + size));
        if (!larger) return desy_error_memory("sources");
        c->sources = larger;
    }
    memcpy(c->sources + c->used, stored->source, size);
    c->used += size;
    return DESY_OK;
}

/* Rank 0: rows of all ranks. */
static int append_rows(struct desy_drift_rows *rows, const double *numbers, size_t n, size_t width, const char *source)
{
    int rc = DESY_OK;
    for (size_t i = 0; i < n; i++, source += strlen(source) + 1) {
        struct desy_drift_row row = {.time = NAN};
        memcpy(row.score, numbers + i * width, sizeof row.score);
        DESY_TRY(desy_drift_rows_append(rows, &row, source, numbers + i * width + DESY_DRIFT_SCORES));
    }
    if (rows->n == 0) rc = desy_error(DESY_EDATA, "the store has no clip that could be read: there is nothing to compare");
out:
    return rc;
}

static int gather(desy_world *world, struct collecting *c, struct desy_drift_rows *rows)
{
    double *numbers = NULL;
    char *sources = NULL;
    size_t n = 0, used = 0;
    int rc;
    DESY_TRY(desy_gather(world, c->numbers, c->n, c->width * sizeof *c->numbers, (void **)&numbers, &n));
    DESY_TRY(desy_gather(world, c->sources, c->used, 1, (void **)&sources, &used));
    rc = desy_agree(world, desy_rank(world) == 0 ? append_rows(rows, numbers, n, c->width, sources) : DESY_OK);
out:
    free(numbers);
    free(sources);
    return rc;
}

/* Every item, also those without a label. */
static int choose_all(const struct desy_items *items, struct desy_chosen_items *chosen)
{
    chosen->items = malloc((items->count + 1) * sizeof *chosen->items);
    if (!chosen->items) return desy_error_memory("the items of the store");
    for (size_t i = 0; i < items->count; i++) chosen->items[chosen->n++] = i;
    return DESY_OK;
}

/* Is the training part of these items, or, as with --parts all, every labelled one, what the model was trained on? */
static int is_trained_on(struct desy_items *items, const desy_classifier *classifier, bool *same)
{
    char trained[65];
    int rc = desy_training_sha256(items, trained);
    *same = rc == DESY_OK && strcmp(trained, desy_classifier_training_sha256(classifier)) == 0;
    for (size_t i = 0; i < items->count; i++)
        if (items->split[i].label >= 0) items->split[i].part = DESY_SPLIT_TRAIN; /* parts are not asked for any more */
    if (rc == DESY_OK) rc = desy_training_sha256(items, trained);
    *same |= rc == DESY_OK && strcmp(trained, desy_classifier_training_sha256(classifier)) == 0;
    return rc;
}

static int prepare(struct collecting *c, const desy_world *world, const struct desy_drift_reference *reference, struct desy_store_scoring *scoring, struct desy_chosen_items *chosen, bool *same)
{
    uint64_t first, count;
    int rc = choose_all(&scoring->items, chosen);
    desy_scores_share(chosen->n, desy_rank(world), desy_size(world), &first, &count);
    c->columns = reference->columns;
    c->width = DESY_DRIFT_SCORES + c->columns;
    if (rc == DESY_OK && (int)c->columns != desy_summary_columns(desy_classifier_evidence(c->classifier), desy_classifier_ensemble(c->classifier)))
        rc = desy_error(DESY_EDATA, "%s: the reference has %zu features, and this version of desy makes others of this model: train it again", desy_classifier_directory(c->classifier), c->columns);
    c->numbers = malloc((count * c->width + 1) * sizeof *c->numbers);
    if (rc == DESY_OK && !c->numbers) rc = desy_error_memory("scores");
    return rc == DESY_OK ? is_trained_on(&scoring->items, c->classifier, same) : rc;
}

int desy_drift_score_store(desy_world *world, desy_classifier *classifier, const char *model, const char *store, const struct desy_drift_reference *reference, struct desy_drift_rows *rows, bool *same)
{
    struct desy_store_scoring scoring = {.classifier = classifier, .level = -1, .level_name = "all"};
    struct desy_chosen_items chosen = {0};
    struct collecting c = {.classifier = classifier};
    int rc = desy_store_open(&scoring.store, store);
    if (rc == DESY_OK) rc = desy_store_scoring_check(&scoring, store, model, desy_rank(world) == 0);
    DESY_TRY(desy_agree(world, rc));
    DESY_TRY(desy_items_read(world, scoring.store, desy_classifier_seed(classifier), false, &scoring.items));
    rc = prepare(&c, world, reference, &scoring, &chosen, same);
    rows->columns = c.columns;
    if (rc == DESY_OK) rc = desy_store_visit_scores(&scoring, world, &chosen, 0, collect, &c);
    DESY_TRY(desy_agree(world, rc));
    rc = gather(world, &c, rows);
out:
    free(c.numbers);
    free(c.sources);
    free(chosen.items);
    desy_items_close(&scoring.items);
    desy_store_close(&scoring.store);
    return rc;
}
