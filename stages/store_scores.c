#include "stages/store_scores.h"

#include "base/error.h"
#include "base/log.h"
#include "train/reading.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int desy_store_scoring_check(const struct desy_store_scoring *scoring, const char *store, const char *model, bool first)
{
    const char *made = desy_store_extractor(scoring->store), *wanted = desy_classifier_extractor(scoring->classifier);
    if (strcmp(made, wanted) != 0)
        return desy_error(DESY_EDATA, "%s holds features of the extractor %s, but the model %s was trained on those of %s", store, made, model, wanted);
    if (desy_store_dims(scoring->store) != desy_classifier_dims(scoring->classifier))
        return desy_error(DESY_EDATA, "%s has features of %d dimensions (%s), the model %s takes %d (%s)", store, desy_store_dims(scoring->store), made, model,
                          desy_classifier_dims(scoring->classifier), wanted);
    if (desy_store_frames(scoring->store) != desy_classifier_frames(scoring->classifier))
        return desy_error(DESY_EDATA, "%s has %d frames a clip (%s), the model %s takes %d (%s); extract with --frames %d", store, desy_store_frames(scoring->store), made,
                          model, desy_classifier_frames(scoring->classifier), wanted, desy_classifier_frames(scoring->classifier));
    const char *version = desy_store_attribute(scoring->store, "extractor_version"), *weights = desy_store_attribute(scoring->store, "weights_sha256");
    if (version && atoi(version) != desy_classifier_extractor_version(scoring->classifier))
        return desy_error(DESY_EDATA, "%s holds features of version %s of the extractor %s, the model %s was trained on version %d: extract again, or train again", store, version, made,
                          model, desy_classifier_extractor_version(scoring->classifier));
    if (weights && *weights && *desy_classifier_weights_sha256(scoring->classifier) && strcmp(weights, desy_classifier_weights_sha256(scoring->classifier)) != 0)
        return desy_error(DESY_EDATA, "%s holds features by other weights of the extractor %s than the model %s was trained on: extract with those, or train again", store, made, model);
    const struct desy_store_shape *shape = desy_store_shape(scoring->store);
    if (desy_classifier_reads(scoring->classifier, DESY_READS_CROPS) && !shape->crops) return desy_error(DESY_EDATA, "%s has no crops, which the model %s reads: extract with --crops", store, model);
    if (desy_classifier_reads(scoring->classifier, DESY_READS_AUDIO) && !shape->audio) return desy_error(DESY_EDATA, "%s has no sound, which the model %s reads: extract with --audio", store, model);
    const char *precision = desy_store_attribute(scoring->store, "precision"), *trained = desy_classifier_precision(scoring->classifier);
    if (first && precision && strcmp(precision, trained) != 0)
        desy_log_warning("%s holds features in %s, the model %s was trained on features in %s: scores move a little", store, precision, model, trained);
    return DESY_OK;
}

int desy_choose_items(const struct desy_items *items, bool all, enum desy_split_part part, struct desy_chosen_items *chosen)
{
    chosen->items = malloc((items->count + 1) * sizeof *chosen->items);
    if (!chosen->items) return desy_error_memory("the items of the split");
    for (size_t i = 0; i < items->count; i++)
        if (items->split[i].label >= 0 && (all || items->split[i].part == part)) chosen->items[chosen->n++] = i;
    return DESY_OK;
}

/* Arrays of one clip; NULL: the model does not read it. */
struct arrays {
    float *features;
    uint8_t *crops;
    int16_t *audio;
};

static int open_arrays(struct arrays *arrays, const struct desy_store_scoring *scoring)
{
    const bool crops = desy_classifier_reads(scoring->classifier, DESY_READS_CROPS), audio = desy_classifier_reads(scoring->classifier, DESY_READS_AUDIO);
    *arrays = (struct arrays){malloc((size_t)desy_store_frames(scoring->store) * (size_t)desy_store_dims(scoring->store) * sizeof(float)),
                              crops ? malloc(DESY_CROPS * DESY_INPUT_SIDE * DESY_INPUT_SIDE * 3) : NULL, audio ? malloc(DESY_AUDIO_SAMPLES * sizeof(int16_t)) : NULL};
    return arrays->features && (arrays->crops || !crops) && (arrays->audio || !audio) ? DESY_OK : desy_error_memory("a clip");
}

static void close_arrays(struct arrays *arrays)
{
    free(arrays->features);
    free(arrays->crops);
    free(arrays->audio);
}

static int add_clip(const struct desy_store_scoring *scoring, const struct desy_item_clip *clip, const char *text, const struct arrays *arrays, struct desy_score *score)
{
    const size_t row = (size_t)clip->row;
    int rc = desy_store_read_features(scoring->store, row, 1, arrays->features);
    if (rc == DESY_OK && arrays->crops) rc = desy_store_read_crops(scoring->store, row, 1, arrays->crops);
    if (rc == DESY_OK && arrays->audio) rc = desy_store_read_audio(scoring->store, row, 1, arrays->audio);
    if (rc != DESY_OK) return rc;
    return desy_classifier_add(scoring->classifier, &(struct desy_clip_numbers){.features = arrays->features, .n_frames = clip->n_frames, .crops = arrays->crops,
        .audio = arrays->audio, .audio_samples = clip->audio_samples, .text = text}, score);
}

/* The mean over the windows of an item that could be read; score->windows 0: none could. */
static int score_windows(const struct desy_store_scoring *scoring, uint64_t index, const char *text, const struct arrays *arrays, int view, struct desy_score *score)
{
    const struct desy_items *items = &scoring->items;
    int rc = DESY_OK;
    *score = (struct desy_score){0};
    for (size_t i = items->first[index]; i < items->first[index + 1]; i++) {
        const struct desy_item_clip *clip = &items->clips[i];
        if (clip->row < 0 || clip->view != view) continue;
        DESY_TRY(add_clip(scoring, clip, text, arrays, score));
    }
    if (score->windows > 0) rc = desy_classifier_finish(scoring->classifier, score);
out:
    return rc;
}

static int visit_item(const struct desy_store_scoring *scoring, uint64_t index, const struct arrays *arrays, int view, desy_store_visit *visit, void *context)
{
    struct desy_store_row stored = {0};
    struct desy_score score;
    int rc = desy_store_read_rows(scoring->store, scoring->items.first[index], 1, &stored);
    if (rc != DESY_OK) return rc;
    DESY_TRY(score_windows(scoring, index, stored.text, arrays, view, &score));
    rc = visit(context, index, &stored, &score);
out:
    desy_store_row_free(&stored);
    return rc;
}

int desy_store_visit_scores(const struct desy_store_scoring *scoring, const desy_world *world, const struct desy_chosen_items *chosen, int view, desy_store_visit *visit, void *context)
{
    uint64_t first, count;
    struct arrays arrays;
    int rc = open_arrays(&arrays, scoring);
    desy_scores_share(chosen->n, desy_rank(world), desy_size(world), &first, &count);
    for (uint64_t i = first; i < first + count && rc == DESY_OK; i++) rc = visit_item(scoring, chosen->items[i], &arrays, view, visit, context);
    close_arrays(&arrays);
    return rc;
}

struct appending {
    const struct desy_store_scoring *scoring;
    struct desy_scores *scores;
};

/* One item: its row, with scores if it could be read. */
static int append_item(void *context, uint64_t index, const struct desy_store_row *stored, const struct desy_score *score)
{
    const struct appending *appending = context;
    const struct desy_store_scoring *scoring = appending->scoring;
    char id[17];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)stored->id);
    struct desy_score_row row = {.id = id, .video_path = stored->video_path, .source = stored->source, .group = stored->group, .label = stored->label,
                                 .split = desy_split_name(scoring->items.split[index].part), .score = NAN, .level = {NAN, NAN, NAN}};
    if (score->windows > 0) {
        row.level[0] = score->low, row.level[1] = score->mid, row.level[2] = score->high;
        row.score = scoring->level < 0 ? desy_confidence(score->logit, .5) : row.level[scoring->level];
        if (isnan(row.score)) return desy_error(DESY_EDATA, "the model has no level %s", scoring->level_name);
    }
    return desy_scores_append(appending->scores, &row);
}

int desy_store_score(const struct desy_store_scoring *scoring, const desy_world *world, const struct desy_chosen_items *chosen, int view, struct desy_scores *scores)
{
    return desy_store_visit_scores(scoring, world, chosen, view, append_item, &(struct appending){scoring, scores});
}
