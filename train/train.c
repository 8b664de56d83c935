/* The order of a training: out-of-fold logits of every channel, which form of a level is kept, the final fit of the channels,
 * their fusion on the out-of-fold logits, and the threshold on the validation part. */
#include "train/train.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "mpi/signals.h"
#include "train/epochs.h"
#include "train/fusion.h"
#include "train/levels.h"
#include "train/model_directory.h"
#include "train/provenance.h"
#include "train/training_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct training {
    desy_world *world;
    const struct desy_train_options *options;
    struct desy_items items;
    struct desy_training_set set;
    uint64_t *ids;                     /* (total) */
    double *weights, *fold_weights, *validation_weights; /* (total), of clips: all that is trained on, without a fold, validation */
    double *item_weights, *validation_item_weights;      /* (total): of their items (desy_training_weigh_items) */
    struct desy_fit fit, validation;   /* what heads are fitted to, and stop by: clips */
    struct desy_fit measured, validation_measured; /* what is measured, and fused by: items, with the mean of their clips' logits */
    const struct desy_channel *candidates[DESY_MAX_CHANNELS];
    int n;
    double *out_of_fold;               /* (total, n), of clips; of an item's first one the item's */
    struct desy_ensemble ensemble;     /* of the channels that are kept */
    double *logits;                    /* (total, ensemble.n): out-of-fold, of those */
    double *kept_logits;               /* (training items, ensemble.n): the same of items alone */
    uint64_t *kept_ids;
    struct desy_curve curve;           /* of the full form, in its final fit */
};

static bool is_wanted(const struct desy_train_options *options, const struct desy_channel *channel)
{
    bool has_other_form = false;
    if (options->level != DESY_TRAIN_ALL && (int)channel->level != options->level) return false;
    for (const struct desy_channel *other = desy_channels; other->name; other++)
        has_other_form |= other->level == channel->level && other->form != channel->form;
    const enum desy_form form = options->size == DESY_SIZE_FULL ? DESY_FORM_FULL : DESY_FORM_SMALL;
    return options->size == DESY_SIZE_AUTO || !has_other_form || channel->form == form;
}

/* The channels of the table that this extractor and these options allow. */
static int choose_candidates(struct training *t)
{
    if (t->options->level == DESY_TRAIN_FUSION) return DESY_OK;
    for (const struct desy_channel *channel = desy_channels; channel->name; channel++) {
        int offset, inputs;
        if (!is_wanted(t->options, channel) || !desy_channel_inputs(channel, &t->set.layout, &offset, &inputs)) continue;
        if (t->n == DESY_MAX_CHANNELS) return desy_error(DESY_EUSAGE, "more than %d channels", DESY_MAX_CHANNELS);
        t->candidates[t->n++] = channel;
    }
    return t->n ? DESY_OK : desy_error(DESY_EDATA, "this extractor has no numbers for the level %s", desy_level_name((enum desy_level)t->options->level));
}

/* The weights of items, from those of their clips. */
static void weigh_items(struct training *t)
{
    size_t chosen, to_validate;
    memcpy(t->item_weights, t->weights, t->set.total * sizeof *t->weights);
    memcpy(t->validation_item_weights, t->validation_weights, t->set.total * sizeof *t->weights);
    desy_training_weigh_items(&t->set, t->item_weights, &chosen);
    desy_training_weigh_items(&t->set, t->validation_item_weights, &to_validate);
    t->measured = desy_training_fit(&t->set, t->item_weights, chosen);
    t->validation_measured = desy_training_fit(&t->set, t->validation_item_weights, to_validate);
    chosen = 0;
    for (size_t i = 0; i < t->set.total; i++)
        if (t->item_weights[i] > 0) t->kept_ids[chosen++] = t->set.items[i].id;
}

static int open_training(struct training *t, desy_store *store)
{
    int rc;
    size_t chosen, to_validate;
    DESY_TRY(desy_items_read(t->world, store, t->options->seed, true, &t->items));
    DESY_TRY(desy_training_set_read(&t->set, t->world, store, &t->items, t->options->seed));
    const size_t total = t->set.total;
    rc = choose_candidates(t);
    t->ids = malloc((total + 1) * sizeof *t->ids);
    t->weights = malloc((total + 1) * sizeof *t->weights);
    t->fold_weights = malloc((total + 1) * sizeof *t->fold_weights);
    t->validation_weights = malloc((total + 1) * sizeof *t->validation_weights);
    t->item_weights = malloc((total + 1) * sizeof *t->item_weights);
    t->validation_item_weights = malloc((total + 1) * sizeof *t->validation_item_weights);
    t->logits = malloc((total + 1) * DESY_MAX_CHANNELS * sizeof *t->logits);
    t->kept_ids = malloc((total + 1) * sizeof *t->kept_ids);
    if (rc == DESY_OK && (!t->kept_ids || !t->ids || !t->weights || !t->fold_weights || !t->validation_weights || !t->item_weights || !t->validation_item_weights || !t->logits))
        rc = desy_error_memory("training");
    for (size_t i = 0; rc == DESY_OK && i < total; i++) /* the clips of an item have random numbers of their own */
        t->ids[i] = i > 0 && t->set.items[i].id == t->set.items[i - 1].id ? t->ids[i - 1] + 1 : t->set.items[i].id;
    if (rc == DESY_OK) rc = desy_training_weights(&t->set, -1, t->weights, &chosen);
    if (rc == DESY_OK) rc = desy_validation_weights(&t->set, t->validation_weights, &to_validate);
    /* The split was drawn over all items; those that could not be read may have been a class of this part. */
    for (int label = 0; rc == DESY_OK && label < 2; label++)
        if (t->set.counts[DESY_SPLIT_VAL][label] == 0)
            rc = desy_error(DESY_EDATA, "no %s video of the validation part could be read: add videos of that class", label ? "AI-generated" : "real");
    DESY_TRY(desy_agree(t->world, rc));
    t->fit = desy_training_fit(&t->set, t->weights, chosen);
    t->validation = desy_training_fit(&t->set, t->validation_weights, to_validate);
    weigh_items(t);
out:
    return rc;
}

static void close_training(struct training *t)
{
    desy_items_close(&t->items);
    desy_training_set_close(&t->set);
    desy_ensemble_close(&t->ensemble);
    desy_curve_close(&t->curve);
    free(t->ids);
    free(t->weights);
    free(t->fold_weights);
    free(t->validation_weights);
    free(t->item_weights);
    free(t->validation_item_weights);
    free(t->out_of_fold);
    free(t->logits);
    free(t->kept_logits);
    free(t->kept_ids);
}

/* stream: which fit this is, 0 the final one, 1 + f that without fold f. */
static int fit_channel(struct training *t, const struct desy_fit *fit, const struct desy_channel *channel, uint64_t stream, struct desy_head *head, struct desy_curve *curve)
{
    char name[64];
    if (channel->form == DESY_FORM_SMALL) return desy_head_fit_small(fit, channel, &t->set.layout, head);
    if (stream == 0) snprintf(name, sizeof name, "%s, all folds", channel->name);
    else snprintf(name, sizeof name, "%s, without fold %d of %d", channel->name, (int)stream, DESY_FOLDS);
    return desy_head_fit_full(fit, &t->validation, t->ids, channel, &t->set.layout, t->options, stream, name, stream <= 1, head, curve);
}

static int stop_if_asked(desy_world *world)
{
    return desy_agree(world, desy_interrupted() ? desy_error(DESY_EINTERRUPTED, "training was interrupted; the same command starts it again") : DESY_OK);
}

/* One fold left out: logits of its items by channels that have not seen them. mine (count, n). */
static int fit_fold(struct training *t, int fold, double *mine)
{
    size_t chosen;
    const size_t width = t->fit.stride;
    int rc = desy_agree(t->world, desy_training_weights(&t->set, fold, t->fold_weights, &chosen));
    const struct desy_fit fit = desy_training_fit(&t->set, t->fold_weights, chosen);
    for (int c = 0; rc == DESY_OK && c < t->n; c++) {
        struct desy_head head = {0};
        struct desy_curve curve = {0};
        rc = fit_channel(t, &fit, t->candidates[c], 1 + (uint64_t)fold, &head, &curve);
        for (size_t i = 0; rc == DESY_OK && i < fit.count; i++)
            if (t->set.folds[fit.first + i] == fold) rc = desy_head_logits(&head, fit.vectors + i * width, width, 1, &mine[i * (size_t)t->n + (size_t)c]);
        rc = desy_agree(t->world, rc);
        desy_head_close(&head);
        desy_curve_close(&curve);
        if (rc == DESY_OK) rc = stop_if_asked(t->world);
    }
    return rc;
}

static int fit_folds(struct training *t)
{
    size_t total;
    double *mine = calloc(t->set.count * (size_t)t->n + 1, sizeof *mine);
    int rc = desy_agree(t->world, mine ? DESY_OK : desy_error_memory("out-of-fold logits"));
    for (int fold = 0; rc == DESY_OK && fold < DESY_FOLDS; fold++) rc = fit_fold(t, fold, mine);
    if (rc == DESY_OK) rc = desy_gatherall(t->world, mine, t->set.count, (size_t)t->n * sizeof *mine, (void **)&t->out_of_fold, &total);
    if (rc == DESY_OK) desy_training_average(&t->set, t->out_of_fold, (size_t)t->n);
    free(mine);
    return rc;
}

/* Out-of-fold logits of one channel, calibrated by Platt's method. calibrated (total). */
static int calibrate(struct training *t, int candidate, double *calibrated)
{
    struct desy_ensemble alone = {.layout = t->set.layout, .n = 1};
    alone.heads[0].channel = t->candidates[candidate];
    const enum desy_level level = t->candidates[candidate]->level;
    for (size_t i = 0; i < t->set.total; i++) calibrated[i] = t->out_of_fold[i * (size_t)t->n + (size_t)candidate];
    int rc = desy_fusion_fit(&t->measured, calibrated, &alone);
    for (size_t i = 0; rc == DESY_OK && i < t->set.total; i++) calibrated[i] = alone.slope[level] * calibrated[i] + alone.intercept[level];
    return rc;
}

/* A full form stays if its out-of-fold loss is lower than the small one's by more than a standard error (Breiman et al. 1984, the
 * rule of one standard error): on few clips the difference is mostly chance, and the simpler form wins. */
static int compare_forms(struct training *t, int full, int small, bool *keep)
{
    double difference, error, loss[2], accuracy;
    double *room = malloc((2 * t->set.total + 1) * sizeof *room), *of_full = room, *of_small = room ? room + t->set.total : NULL;
    int rc = desy_agree(t->world, room ? DESY_OK : desy_error_memory("calibrated logits"));
    if (rc != DESY_OK) goto out;
    DESY_TRY(calibrate(t, full, of_full));
    DESY_TRY(calibrate(t, small, of_small));
    desy_fit_loss_difference(&t->measured, of_full, of_small, &difference, &error);
    desy_fit_log_loss(&t->measured, of_full, &loss[0], &accuracy);
    desy_fit_log_loss(&t->measured, of_small, &loss[1], &accuracy);
    keep[full] = difference + error < 0;
    keep[small] = !keep[full];
    if (desy_rank(t->world) == 0)
        desy_log_info("train: level %s stays in its %s form: out-of-fold log loss %.4f (%s), %.4f (%s), difference %.4f +- %.4f", desy_level_name(t->candidates[full]->level),
                      keep[full] ? "full" : "small", loss[0], t->candidates[full]->name, loss[1], t->candidates[small]->name, difference, error);
out:
    free(room);
    return rc;
}

/* keep (n). Where a level was trained in both forms, one stays. */
static int choose_forms(struct training *t, bool *keep)
{
    int rc = DESY_OK;
    for (int c = 0; c < t->n; c++) keep[c] = true;
    for (int full = 0; full < t->n; full++)
        for (int small = 0; small < t->n; small++)
            if (t->candidates[full]->form == DESY_FORM_FULL && t->candidates[small]->form == DESY_FORM_SMALL && t->candidates[full]->level == t->candidates[small]->level)
                DESY_TRY(compare_forms(t, full, small, keep));
out:
    return rc;
}

/* The final fit of the channels that stay, on all training items; and their out-of-fold logits side by side. */
static int fit_ensemble(struct training *t)
{
    bool keep[DESY_MAX_CHANNELS];
    int columns[DESY_MAX_CHANNELS], rc;
    DESY_TRY(choose_forms(t, keep));
    t->ensemble.layout = t->set.layout;
    for (int c = 0; c < t->n; c++) {
        if (!keep[c]) continue;
        columns[t->ensemble.n] = c;
        DESY_TRY(fit_channel(t, &t->fit, t->candidates[c], 0, &t->ensemble.heads[t->ensemble.n++], &t->curve));
        DESY_TRY(stop_if_asked(t->world));
    }
    for (size_t i = 0; i < t->set.total; i++)
        for (int k = 0; k < t->ensemble.n; k++) t->logits[i * (size_t)t->ensemble.n + (size_t)k] = t->out_of_fold[i * (size_t)t->n + (size_t)columns[k]];
out:
    return rc;
}

/* In place of the two steps above: heads and out-of-fold logits of the levels that were trained one by one. */
static int load_levels(struct training *t, const struct desy_train_identity *identity)
{
    char *directories[DESY_LEVELS] = {NULL}, training_sha256[65];
    size_t n = 0;
    int rc = DESY_OK;
    if (desy_rank(t->world) == 0) {
        rc = desy_training_sha256(&t->items, training_sha256);
        if (rc == DESY_OK) rc = desy_levels_find(directories, t->options->save_dir, identity, training_sha256, t->options->seed);
    }
    DESY_TRY(desy_agree(t->world, rc));
    for (int level = 0; level < DESY_LEVELS; level++) {
        DESY_TRY(desy_agree(t->world, desy_broadcast_text(t->world, &directories[level], 0)));
        if (directories[level] && desy_rank(t->world) == 0) desy_log_info("train: level %s is that of %s", desy_level_name((enum desy_level)level), directories[level]);
    }
    t->ensemble.layout = t->set.layout;
    DESY_TRY(desy_agree(t->world, desy_levels_load(&t->ensemble, &t->kept_logits, directories, t->kept_ids, t->measured.chosen, t->options->device)));
    for (size_t i = 0; i < t->set.total; i++) {
        if (!(t->item_weights[i] > 0)) continue;
        memcpy(t->logits + i * (size_t)t->ensemble.n, t->kept_logits + n++ * (size_t)t->ensemble.n, (size_t)t->ensemble.n * sizeof *t->logits);
    }
out:
    for (int level = 0; level < DESY_LEVELS; level++) free(directories[level]);
    return rc;
}

/* What the model keeps of the logits that its fusion is fitted to. */
static int keep_logits(struct training *t)
{
    const size_t width = (size_t)t->ensemble.n;
    size_t n = 0;
    if (!t->kept_logits) t->kept_logits = malloc((t->measured.chosen * width + 1) * sizeof *t->kept_logits);
    if (!t->kept_logits) return desy_error_memory("out-of-fold logits");
    for (size_t i = 0; i < t->set.total; i++)
        if (t->item_weights[i] > 0) memcpy(t->kept_logits + n++ * width, t->logits + i * width, width * sizeof *t->kept_logits);
    t->ensemble.out_of_fold = t->kept_logits;
    t->ensemble.ids = t->kept_ids;
    t->ensemble.training = t->measured.chosen;
    return DESY_OK;
}

/* Fused logits of every row by the final channels, on every rank; new. */
static int final_logits(struct training *t, double **fused)
{
    size_t total;
    double of_item[DESY_MAX_CHANNELS], *mine = malloc((t->set.count + 1) * sizeof *mine);
    int rc = mine ? DESY_OK : desy_error_memory("logits");
    for (size_t i = 0; rc == DESY_OK && i < t->set.count; i++) {
        for (int k = 0; rc == DESY_OK && k < t->ensemble.n; k++)
            rc = desy_head_logits(&t->ensemble.heads[k], t->fit.vectors + i * t->fit.stride, t->fit.stride, 1, &of_item[k]);
        mine[i] = desy_ensemble_fuse(&t->ensemble, of_item);
    }
    rc = desy_agree(t->world, rc);
    if (rc == DESY_OK) rc = desy_gatherall(t->world, mine, t->set.count, sizeof *mine, (void **)fused, &total);
    if (rc == DESY_OK) desy_training_average(&t->set, *fused, 1);
    free(mine);
    return rc;
}

static int measure(struct training *t, struct desy_train_metrics *m)
{
    double *fused = NULL;
    int rc;
    for (size_t i = 0; i < t->set.total; i++) t->logits[i] = desy_ensemble_fuse(&t->ensemble, t->logits + i * (size_t)t->ensemble.n); /* in place: i <= i * n */
    DESY_TRY(final_logits(t, &fused));
    rc = desy_fit_auc(&t->measured, t->logits, &m->out_of_fold_auc);
    if (rc == DESY_OK) rc = desy_fit_auc(&t->validation_measured, fused, &m->validation_auc);
    if (rc == DESY_OK) rc = desy_choose_threshold(&t->validation_measured, fused, &m->threshold);
    DESY_TRY(desy_agree(t->world, rc));
    desy_fit_log_loss(&t->measured, t->logits, &m->out_of_fold_loss, &m->out_of_fold_accuracy);
    desy_fit_log_loss(&t->validation_measured, fused, &m->validation_loss, &m->validation_accuracy);
    m->by_source = t->set.by_source;
    memcpy(m->counts, t->set.counts, sizeof m->counts);
out:
    free(fused);
    return rc;
}

static void say_plan(const struct training *t)
{
    const size_t *train = t->set.counts[DESY_SPLIT_TRAIN], *val = t->set.counts[DESY_SPLIT_VAL];
    if (desy_rank(t->world) != 0) return;
    desy_log_info("train: %zu real and %zu AI-generated training videos, %zu and %zu for validation; %d folds by %s", train[0], train[1], val[0], val[1], DESY_FOLDS,
                  t->set.by_source ? "source" : "group");
    for (int c = 0; c < t->n; c++) {
        const struct desy_channel *channel = t->candidates[c];
        if (channel->form == DESY_FORM_SMALL) desy_log_info("train: %s (%s level) is convex and solved: epochs, batch size and learning rate do not concern it", channel->name, desy_level_name(channel->level));
        else desy_log_info("train: %s (%s level) is trained by gradient: %d epochs at most, batches of %d, learning rate %g", channel->name, desy_level_name(channel->level), t->options->epochs, t->options->batch_size, t->options->learning_rate);
    }
}

/* Rank 0. */
static int publish(struct training *t, desy_store *store, const struct desy_train_identity *identity, const struct desy_train_metrics *m, char **directory)
{
    cJSON *model = cJSON_CreateObject();
    char training_sha256[65];
    int rc = model ? desy_training_sha256(&t->items, training_sha256) : desy_error_memory("a model");
    if (rc == DESY_OK) rc = desy_train_describe(model, store, t->options, identity, training_sha256, m, &t->curve);
    if (rc == DESY_OK) rc = desy_model_publish(t->options->save_dir, &t->ensemble, model, directory);
    cJSON_Delete(model);
    return rc;
}

static int train_and_publish(desy_world *world, desy_store *store, const struct desy_train_options *options, const struct desy_train_identity *identity, struct desy_train_result *result)
{
    struct training t = {.world = world, .options = options};
    struct desy_train_metrics metrics;
    int rc;
    DESY_TRY(open_training(&t, store));
    say_plan(&t);
    if (options->level == DESY_TRAIN_FUSION) DESY_TRY(load_levels(&t, identity));
    else {
        DESY_TRY(fit_folds(&t));
        DESY_TRY(fit_ensemble(&t));
    }
    DESY_TRY(desy_agree(world, keep_logits(&t)));
    DESY_TRY(desy_fusion_fit(&t.measured, t.logits, &t.ensemble));
    DESY_TRY(measure(&t, &metrics));
    rc = desy_rank(world) == 0 ? publish(&t, store, identity, &metrics, &result->directory) : DESY_OK;
    DESY_TRY(desy_agree(world, rc));
    result->by_source = metrics.by_source;
    result->out_of_fold_auc = metrics.out_of_fold_auc;
    result->validation_auc = metrics.validation_auc;
    result->threshold = metrics.threshold;
out:
    close_training(&t);
    return rc;
}

int desy_train(desy_world *world, desy_store *store, const struct desy_train_options *options, struct desy_train_result *result)
{
    struct desy_train_identity identity = {0};
    char there[65] = "";
    int rc = DESY_OK;
    memset(result, 0, sizeof *result);
    if (desy_rank(world) == 0) {
        rc = desy_make_directory(options->save_dir); /* before hours of work, not after */
        if (rc == DESY_OK) rc = desy_train_identify(&identity, store, options);
        if (rc == DESY_OK) rc = desy_model_current(options->save_dir, &result->directory, there);
        /* A fusion depends on the versions that are there, too. */
        result->skipped = rc == DESY_OK && options->level != DESY_TRAIN_FUSION && strcmp(there, identity.fingerprint) == 0;
    }
    DESY_TRY(desy_agree(world, rc));
    desy_broadcast(world, &result->skipped, sizeof result->skipped, 0);
    if (!result->skipped) {
        free(result->directory);
        result->directory = NULL;
        DESY_TRY(train_and_publish(world, store, options, &identity, result));
    }
    rc = desy_broadcast_text(world, &result->directory, 0);
out:
    return rc;
}
