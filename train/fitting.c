#include "train/fitting.h"

#include "base/error.h"
#include "base/log.h"
#include "mpi/signals.h"
#include "train/fusion.h"
#include "train/head_fit.h"
#include "train/reading_store.h"
#include "train/same.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Has the training set what the channel reads? */
static bool is_there(const struct desy_training_set *set, const struct desy_channel *channel)
{
    int offset, inputs;
    return desy_channel_inputs(channel, &set->layout, &offset, &inputs) && desy_reading_possible(channel, &set->stored);
}

static bool is_wanted(const struct desy_fitting *f, const struct desy_channel *channel)
{
    const struct desy_train_options *options = f->options;
    bool has_other_form = false;
    if (options->level != DESY_TRAIN_ALL && (int)channel->level != options->level) return false;
    for (const struct desy_channel *other = desy_channels; other->name; other++)
        has_other_form |= other->level == channel->level && other->form != channel->form && is_there(f->set, other);
    const enum desy_form form = options->size == DESY_SIZE_FULL ? DESY_FORM_FULL : DESY_FORM_SMALL;
    return options->size == DESY_SIZE_AUTO || !has_other_form || channel->form == form;
}

/* 40 GFLOP a clip and epoch are not for who did not ask for them. */
static bool is_too_dear(const struct desy_train_options *options, const struct desy_channel *channel)
{
    return channel->reads == DESY_READS_CROPS && options->size == DESY_SIZE_AUTO && strncmp(options->device, "cuda", 4) != 0;
}

/* The channels of the table that this extractor and these options allow. */
static int choose_candidates(struct desy_fitting *f)
{
    if (f->options->level == DESY_TRAIN_FUSION) return DESY_OK;
    for (const struct desy_channel *channel = desy_channels; channel->name; channel++) {
        if (f->options->size == DESY_SIZE_FULL && (int)channel->level == f->options->level && channel->form == DESY_FORM_FULL && !desy_channel_is_additional(channel) && !desy_reading_possible(channel, &f->set->stored))
            return desy_error(DESY_EDATA, "the store has not what %s, the full form of the level %s, reads: %s", channel->name, desy_level_name(channel->level), desy_reading_advice(channel));
        if (!is_wanted(f, channel) || !is_there(f->set, channel)) continue;
        if (is_too_dear(f->options, channel)) {
            if (desy_rank(f->set->world) == 0) desy_log_info("train: %s is left out: without a CUDA device a clip takes about a second of a core each epoch, in each of six fits; --size full trains it all the same", channel->name);
            continue;
        }
        if (f->n == DESY_MAX_CHANNELS) return desy_error(DESY_EUSAGE, "more than %d channels", DESY_MAX_CHANNELS);
        f->candidates[f->n++] = channel;
    }
    return f->n ? DESY_OK : desy_error(DESY_EDATA, "this extractor has no numbers for the level %s", desy_level_name((enum desy_level)f->options->level));
}

static int find_moving(struct desy_fitting *f)
{
    const struct desy_training_set *set = f->set;
    const size_t width = (size_t)desy_pool_width(&set->layout);
    size_t total;
    uint8_t *mine = malloc(set->count + 1);
    int rc = desy_agree(set->world, mine ? DESY_OK : desy_error_memory("training"));
    for (size_t i = 0; rc == DESY_OK && i < set->count; i++) mine[i] = desy_pool_moves(&set->layout, set->vectors + i * width);
    if (rc == DESY_OK) rc = desy_gatherall(set->world, mine, set->count, 1, (void **)&f->moves, &total);
    free(mine);
    return rc;
}

bool desy_fitting_has(const struct desy_fitting *f, const struct desy_channel *channel, size_t row)
{
    return channel->part == DESY_POOL_TEMPORAL ? f->moves[row] : desy_reading_has(channel, &f->set->stored, row);
}

/* weights without clips that have not what the channel reads. Of sound and texts the classes weigh the same again: where clips of one have them more
 * often than those of the other, that they are there must not speak for one of them. */
static void mask(const struct desy_fitting *f, const struct desy_channel *channel, const double *weights, double *masked, size_t of_label[2])
{
    double sum[2] = {0};
    of_label[0] = of_label[1] = 0;
    for (size_t i = 0; i < f->set->total; i++) {
        masked[i] = desy_fitting_has(f, channel, i) ? weights[i] : 0;
        of_label[f->set->labels[i]] += masked[i] > 0;
        sum[f->set->labels[i]] += masked[i];
    }
    for (size_t i = 0; desy_channel_is_additional(channel) && i < f->set->total; i++)
        if (masked[i] > 0) masked[i] *= (sum[0] + sum[1]) / 2 / sum[f->set->labels[i]];
}

static bool can_validate(const struct desy_fitting *f, const struct desy_channel *channel)
{
    size_t of_label[2];
    if (channel->form == DESY_FORM_SMALL) return true;
    mask(f, channel, f->validation_weights, f->masked, of_label);
    return of_label[0] && of_label[1];
}

static const char *what_is_lacking(const struct desy_channel *channel)
{
    return channel->reads == DESY_READS_AUDIO ? "have sound" : channel->reads == DESY_READS_TEXT ? "have a text" : "move";
}

/* A channel that cannot be fitted, because too few clips have what it reads, is left out. Needs validation_weights. */
static int drop_unfit(struct desy_fitting *f)
{
    int kept = 0;
    const bool fusion_alone = f->n == 0; /* --level fusion reads its channels */
    for (int c = 0; c < f->n; c++) {
        const bool partial = desy_channel_is_partial(f->candidates[c]);
        bool fits = !partial || can_validate(f, f->candidates[c]);
        for (int fold = -1; fits && partial && fold < DESY_FOLDS; fold++) {
            size_t chosen, of_label[2];
            const int rc = desy_training_weights(f->set, fold, f->fold_weights, &chosen);
            if (rc != DESY_OK) return rc;
            mask(f, f->candidates[c], f->fold_weights, f->masked, of_label);
            fits = of_label[0] && of_label[1];
        }
        if (fits) f->candidates[kept++] = f->candidates[c];
        else if (desy_rank(f->set->world) == 0) desy_log_info("train: %s is left out: too few clips of a class %s", f->candidates[c]->name, what_is_lacking(f->candidates[c]));
    }
    f->n = kept;
    return kept || fusion_alone ? DESY_OK : desy_error(DESY_EDATA, "no channel is left to train: too few clips of a class have what they read");
}

/* The weights of items, from those of their clips. */
static void weigh_items(struct desy_fitting *f)
{
    size_t chosen, to_validate;
    memcpy(f->item_weights, f->weights, f->set->total * sizeof *f->weights);
    memcpy(f->validation_item_weights, f->validation_weights, f->set->total * sizeof *f->weights);
    desy_training_weigh_items(f->set, f->item_weights, &chosen);
    desy_training_weigh_items(f->set, f->validation_item_weights, &to_validate);
    f->measured = desy_training_fit(f->set, f->item_weights, chosen);
    f->validation_measured = desy_training_fit(f->set, f->validation_item_weights, to_validate);
}

int desy_fitting_open(struct desy_fitting *f, const struct desy_training_set *set, const struct desy_train_options *options)
{
    const size_t total = set->total;
    size_t chosen = 0, to_validate = 0;
    *f = (struct desy_fitting){.options = options, .set = set};
    int rc = choose_candidates(f);
    f->ids = malloc((total + 1) * sizeof *f->ids);
    f->weights = malloc((total + 1) * sizeof *f->weights);
    f->fold_weights = malloc((total + 1) * sizeof *f->fold_weights);
    f->masked = malloc((total + 1) * sizeof *f->masked);
    f->validation_weights = malloc((total + 1) * sizeof *f->validation_weights);
    f->validation_masked = malloc((total + 1) * sizeof *f->validation_masked);
    f->item_weights = malloc((total + 1) * sizeof *f->item_weights);
    f->validation_item_weights = malloc((total + 1) * sizeof *f->validation_item_weights);
    f->logits = malloc((total + 1) * (f->n ? (size_t)f->n : DESY_MAX_CHANNELS) * sizeof *f->logits); /* --level fusion reads its channels */
    if (rc == DESY_OK && (!f->ids || !f->weights || !f->fold_weights || !f->masked || !f->validation_weights || !f->validation_masked || !f->item_weights || !f->validation_item_weights || !f->logits))
        rc = desy_error_memory("training");
    for (size_t i = 0; rc == DESY_OK && i < total; i++) /* the clips of an item have random numbers of their own */
        f->ids[i] = i > 0 && set->items[i].id == set->items[i - 1].id ? f->ids[i - 1] + 1 : set->items[i].id;
    DESY_TRY(desy_agree(set->world, rc));
    DESY_TRY(find_moving(f));
    rc = desy_training_weights(set, -1, f->weights, &chosen);
    if (rc == DESY_OK) rc = desy_validation_weights(set, f->validation_weights, &to_validate);
    if (rc == DESY_OK) rc = drop_unfit(f);
    DESY_TRY(desy_agree(set->world, rc));
    f->fit = desy_training_fit(set, f->weights, chosen);
    f->validation = desy_training_fit(set, f->validation_weights, to_validate);
    DESY_TRY(desy_same_data(&f->fit, f->ids, "training part"));
    DESY_TRY(desy_same_data(&f->validation, f->ids, "validation part"));
    weigh_items(f);
out:
    return rc;
}

void desy_fitting_close(struct desy_fitting *f)
{
    desy_ensemble_close(&f->ensemble);
    for (int k = 0; k < DESY_MAX_CHANNELS; k++) desy_curve_close(&f->curves[k]);
    free(f->ids);
    free(f->weights);
    free(f->fold_weights);
    free(f->masked);
    free(f->moves);
    free(f->validation_weights);
    free(f->validation_masked);
    free(f->item_weights);
    free(f->validation_item_weights);
    free(f->out_of_fold);
    free(f->logits);
}

/* stream: which fit this is, 0 the final one, 1 + f that without fold f. sweep: of a full form's learning rate in place of its fit; else NULL. */
static int fit_channel(struct desy_fitting *f, const struct desy_fit *fit, const struct desy_channel *channel, uint64_t stream, struct desy_head *head, struct desy_curve *curve,
                       struct desy_rate_sweep *sweep)
{
    char name[64];
    size_t of_label[2];
    mask(f, channel, fit->weights, f->masked, of_label);
    const struct desy_fit of_channel = desy_training_fit(f->set, f->masked, of_label[0] + of_label[1]);
    if (channel->form == DESY_FORM_SMALL) return desy_head_fit_small(&of_channel, channel, &f->set->layout, head);
    mask(f, channel, f->validation_weights, f->validation_masked, of_label);
    const struct desy_fit validation = desy_training_fit(f->set, f->validation_masked, of_label[0] + of_label[1]);
    if (stream == 0) snprintf(name, sizeof name, "%s, all folds", channel->name);
    else snprintf(name, sizeof name, "%s, without fold %d of %d", channel->name, (int)stream, DESY_FOLDS);
    const struct desy_full_fit full = {.fit = &of_channel, .validation = &validation, .ids = f->ids, .items = f->set->items, .channel = channel, .layout = &f->set->layout, .options = f->options,
        .checkpoints = f->checkpoints, .stream = stream, .name = name, .every_epoch = stream <= 1};
    return sweep ? desy_head_sweep_rate(&full, sweep) : desy_head_fit_full(&full, head, curve);
}

int desy_fitting_sweep(struct desy_fitting *f, const struct desy_channel *channel, struct desy_rate_sweep *sweep)
{
    return fit_channel(f, &f->fit, channel, 0, NULL, NULL, sweep);
}

static int stop_if_asked(desy_world *world)
{
    return desy_agree(world, desy_interrupted() ? desy_error(DESY_EINTERRUPTED, "training was interrupted; the same command continues it") : DESY_OK);
}

/* One fold left out: logits of its items by channels that have not seen them. mine (count, n). */
static int fit_fold(struct desy_fitting *f, int fold, double *mine)
{
    size_t chosen;
    int rc = desy_agree(f->set->world, desy_training_weights(f->set, fold, f->fold_weights, &chosen));
    const struct desy_fit fit = desy_training_fit(f->set, f->fold_weights, chosen);
    for (int c = 0; rc == DESY_OK && c < f->n; c++) {
        struct desy_head head = {0};
        struct desy_curve curve = {0};
        rc = fit_channel(f, &fit, f->candidates[c], 1 + (uint64_t)fold, &head, &curve, NULL);
        for (size_t i = 0; rc == DESY_OK && i < fit.count; i++)
            if (f->set->folds[fit.first + i] == fold) rc = desy_head_fit_logits(&head, &fit, i, 1, &mine[i * (size_t)f->n + (size_t)c]);
        rc = desy_agree(f->set->world, rc);
        desy_head_close(&head);
        desy_curve_close(&curve);
        if (rc == DESY_OK) rc = stop_if_asked(f->set->world);
    }
    return rc;
}

/* Logits of an additional channel are brought to where 0 says nothing: midway between the classes' means, out of fold. Where few clips of one class have
 * what it reads, a network that knows those by heart is surer of them, and all others would lean to the other side: that there is sound would be a sign. */
static void centre(struct desy_fitting *f, int c)
{
    double sum[2] = {0}, weights[2] = {0};
    const size_t n = (size_t)f->n;
    f->centres[c] = 0;
    for (size_t i = 0; i < f->set->total; i++) {
        const double logit = f->out_of_fold[i * n + (size_t)c], weight = f->item_weights[i];
        if (!(weight > 0) || isnan(logit)) continue;
        sum[f->set->labels[i]] += weight * logit, weights[f->set->labels[i]] += weight;
    }
    if (weights[0] > 0 && weights[1] > 0) f->centres[c] = (sum[0] / weights[0] + sum[1] / weights[1]) / 2;
    for (size_t i = 0; i < f->set->total; i++) f->out_of_fold[i * n + (size_t)c] -= f->centres[c];
}

static int fit_folds(struct desy_fitting *f)
{
    size_t total;
    double *mine = calloc(f->set->count * (size_t)f->n + 1, sizeof *mine);
    int rc = desy_agree(f->set->world, mine ? DESY_OK : desy_error_memory("out-of-fold logits"));
    for (int fold = 0; rc == DESY_OK && fold < DESY_FOLDS; fold++) rc = fit_fold(f, fold, mine);
    if (rc == DESY_OK) rc = desy_gatherall(f->set->world, mine, f->set->count, (size_t)f->n * sizeof *mine, (void **)&f->out_of_fold, &total);
    if (rc == DESY_OK) desy_training_average(f->set, f->out_of_fold, (size_t)f->n);
    for (int c = 0; rc == DESY_OK && c < f->n; c++)
        if (desy_channel_is_additional(f->candidates[c])) centre(f, c);
    free(mine);
    return rc;
}

/* Out-of-fold logits of a level made of the candidates `of` (n) alone (their mean), calibrated by Platt's method. calibrated (total). */
static int calibrate(struct desy_fitting *f, enum desy_level level, const bool *of, double *calibrated)
{
    struct desy_ensemble alone = {.layout = f->set->layout};
    int columns[DESY_MAX_CHANNELS];
    for (int c = 0; c < f->n; c++) {
        if (!of[c]) continue;
        columns[alone.n] = c;
        alone.heads[alone.n++].channel = f->candidates[c];
    }
    const size_t width = (size_t)alone.n;
    double *logits = malloc((f->set->total * width + 1) * sizeof *logits);
    int rc = desy_agree(f->set->world, logits ? DESY_OK : desy_error_memory("calibrated logits"));
    for (size_t i = 0; rc == DESY_OK && i < f->set->total; i++)
        for (size_t k = 0; k < width; k++) logits[i * width + k] = f->out_of_fold[i * (size_t)f->n + (size_t)columns[k]];
    if (rc == DESY_OK) rc = desy_fusion_fit(&f->measured, logits, &alone);
    for (size_t i = 0; rc == DESY_OK && i < f->set->total; i++) {
        desy_ensemble_level(&alone, level, logits + i * width, &calibrated[i]);
        calibrated[i] = alone.slope[level] * calibrated[i] + alone.intercept[level];
    }
    free(logits);
    return rc;
}

/* Out-of-fold log losses of a level made of one set of candidates and of another, and their difference. */
struct comparison {
    double loss[2], difference, error;
};

/* Is a level better made of the candidates `larger` (n) than of `smaller`? If its out-of-fold loss is lower by more than a standard error (Breiman et al.
 * 1984, the rule of one standard error): on few clips the difference is mostly chance, and the simpler one wins. */
static int compare(struct desy_fitting *f, enum desy_level level, const bool *larger, const bool *smaller, struct comparison *seen, bool *better)
{
    double accuracy, *room = malloc((2 * f->set->total + 1) * sizeof *room), *of_larger = room, *of_smaller = room ? room + f->set->total : NULL;
    int rc = desy_agree(f->set->world, room ? DESY_OK : desy_error_memory("calibrated logits"));
    if (rc != DESY_OK) goto out;
    DESY_TRY(calibrate(f, level, larger, of_larger));
    DESY_TRY(calibrate(f, level, smaller, of_smaller));
    desy_fit_loss_difference(&f->measured, of_larger, of_smaller, &seen->difference, &seen->error);
    desy_fit_log_loss(&f->measured, of_larger, &seen->loss[0], &accuracy);
    desy_fit_log_loss(&f->measured, of_smaller, &seen->loss[1], &accuracy);
    *better = seen->difference + seen->error < 0;
out:
    free(room);
    return rc;
}

/* What joins the channels of a level that are kept, one after another. */
static int join_additional(struct desy_fitting *f, enum desy_level level, bool *kept)
{
    bool joined[DESY_MAX_CHANNELS], any = false;
    struct comparison seen;
    int rc = DESY_OK;
    for (int c = 0; c < f->n; c++) any |= kept[c];
    for (int c = 0; c < f->n; c++) {
        if (f->candidates[c]->level != level || !desy_channel_is_additional(f->candidates[c])) continue;
        bool better = !any || f->options->size == DESY_SIZE_FULL;
        memcpy(joined, kept, sizeof joined);
        joined[c] = true;
        if (!better) {
            DESY_TRY(compare(f, level, joined, kept, &seen, &better));
            if (desy_rank(f->set->world) == 0)
                desy_log_info("train: %s %s level %s: out-of-fold log loss %.4f (with it), %.4f (without), difference %.4f +- %.4f", f->candidates[c]->name,
                              better ? "joins" : "is left out of", desy_level_name(level), seen.loss[0], seen.loss[1], seen.difference, seen.error);
        }
        if (better) memcpy(kept, joined, sizeof joined);
    }
out:
    return rc;
}

/* keep (n). Where a level was trained in both forms, one stays. */
static int choose_forms(struct desy_fitting *f, bool *keep)
{
    struct comparison seen;
    int rc = DESY_OK;
    memset(keep, 0, DESY_MAX_CHANNELS * sizeof *keep);
    for (int level = 0; level < DESY_LEVELS; level++) {
        bool of_form[2][DESY_MAX_CHANNELS] = {{false}}, any[2] = {false}, is_full;
        for (int c = 0; c < f->n; c++) {
            const struct desy_channel *channel = f->candidates[c];
            if ((int)channel->level != level || desy_channel_is_additional(channel)) continue;
            of_form[channel->form][c] = any[channel->form] = true;
        }
        is_full = any[DESY_FORM_FULL];
        if (is_full && any[DESY_FORM_SMALL]) {
            DESY_TRY(compare(f, (enum desy_level)level, of_form[DESY_FORM_FULL], of_form[DESY_FORM_SMALL], &seen, &is_full));
            if (desy_rank(f->set->world) == 0)
                desy_log_info("train: level %s stays in its %s form: out-of-fold log loss %.4f (full), %.4f (small), difference %.4f +- %.4f", desy_level_name((enum desy_level)level),
                              is_full ? "full" : "small", seen.loss[0], seen.loss[1], seen.difference, seen.error);
        }
        bool *kept = of_form[is_full ? DESY_FORM_FULL : DESY_FORM_SMALL];
        DESY_TRY(join_additional(f, (enum desy_level)level, kept));
        for (int c = 0; c < f->n; c++) keep[c] |= kept[c];
    }
out:
    return rc;
}

/* The final fit of the channels that stay, on all training items; and their out-of-fold logits side by side. */
static int fit_ensemble(struct desy_fitting *f)
{
    bool keep[DESY_MAX_CHANNELS];
    int columns[DESY_MAX_CHANNELS], rc;
    DESY_TRY(choose_forms(f, keep));
    f->ensemble.layout = f->set->layout;
    for (int c = 0; c < f->n; c++) {
        if (!keep[c]) continue;
        columns[f->ensemble.n] = c;
        const int k = f->ensemble.n++;
        DESY_TRY(fit_channel(f, &f->fit, f->candidates[c], 0, &f->ensemble.heads[k], &f->curves[k], NULL));
        f->ensemble.heads[k].mean += f->centres[c] * f->ensemble.heads[k].deviation;
        DESY_TRY(stop_if_asked(f->set->world));
    }
    for (size_t i = 0; i < f->set->total; i++)
        for (int k = 0; k < f->ensemble.n; k++) f->logits[i * (size_t)f->ensemble.n + (size_t)k] = f->out_of_fold[i * (size_t)f->n + (size_t)columns[k]];
out:
    return rc;
}

int desy_fitting_channels(struct desy_fitting *f)
{
    const int rc = fit_folds(f);
    return rc == DESY_OK ? fit_ensemble(f) : rc;
}

int desy_fitting_fuse(struct desy_fitting *f)
{
    const int rc = desy_fusion_fit(&f->measured, f->logits, &f->ensemble);
    if (rc == DESY_OK) desy_ensemble_fuse_rows(&f->ensemble, f->logits, f->set->total);
    return rc;
}

int desy_fitting_logits(const struct desy_fitting *f, double **logits)
{
    const size_t n = (size_t)f->ensemble.n;
    size_t total;
    double *mine = malloc((f->set->count * n + 1) * sizeof *mine);
    int rc = mine ? DESY_OK : desy_error_memory("logits");
    for (size_t i = 0; rc == DESY_OK && i < f->set->count; i++)
        for (size_t k = 0; rc == DESY_OK && k < n; k++) rc = desy_head_fit_logits(&f->ensemble.heads[k], &f->fit, i, 1, &mine[i * n + k]);
    rc = desy_agree(f->set->world, rc);
    if (rc == DESY_OK) rc = desy_gatherall(f->set->world, mine, f->set->count, n * sizeof *mine, (void **)logits, &total);
    free(mine);
    return rc;
}
