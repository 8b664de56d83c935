/* The order of a training: everything that is fitted (train/fitting.h), the threshold on the validation part, the model directory. */
#include "train/train.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "train/checkpoint.h"
#include "train/diagnosis.h"
#include "train/drift_sample.h"
#include "train/fitting.h"
#include "train/fusion.h"
#include "train/levels.h"
#include "train/model_directory.h"
#include "train/model_registry.h"
#include "train/provenance.h"
#include "train/reference.h"
#include "train/training_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct training {
    desy_world *world;
    const struct desy_train_options *options;
    struct desy_items items;
    struct desy_training_set set;
    struct desy_fitting fitting;
    double *kept_logits; /* (training items, ensemble.n): out-of-fold, of what the model keeps */
    uint64_t *kept_ids;
    double *final_logits; /* (total, ensemble.n): of every row by the final channels, on every rank */
    cJSON *reference, *reliability; /* of model.json; moved into it */
    struct desy_drift_sample drift; /* its json is moved into model.json */
    struct desy_diagnosis diagnosis;
};

static int open_training(struct training *t, desy_store *store)
{
    const char *temporary = getenv("TMPDIR"); /* a disk of this node, where there is one */
    size_t n = 0;
    int rc;
    DESY_TRY(desy_items_read(t->world, store, t->options->seed, !t->options->all_parts, &t->items));
    for (size_t i = 0; t->options->all_parts && i < t->items.count; i++)
        if (t->items.split[i].label >= 0) t->items.split[i].part = DESY_SPLIT_TRAIN;
    DESY_TRY(desy_training_set_read(&t->set, t->world, store, &t->items, t->options->seed, temporary && *temporary ? temporary : t->options->save_dir));
    /* The split was drawn over all items; those that could not be read may have been a class of this part. */
    for (int label = 0; rc == DESY_OK && !t->options->all_parts && label < 2; label++)
        if (t->set.counts[DESY_SPLIT_VAL][label] == 0)
            rc = desy_error(DESY_EDATA, "no %s video of the validation part could be read: add videos of that class", label ? "AI-generated" : "real");
    t->kept_ids = malloc((t->set.total + 1) * sizeof *t->kept_ids);
    if (rc == DESY_OK && !t->kept_ids) rc = desy_error_memory("training");
    DESY_TRY(desy_agree(t->world, rc));
    DESY_TRY(desy_fitting_open(&t->fitting, &t->set, t->options));
    for (size_t i = 0; i < t->set.total; i++)
        if (t->fitting.item_weights[i] > 0) t->kept_ids[n++] = t->set.items[i].id;
out:
    return rc;
}

static void close_training(struct training *t)
{
    desy_fitting_close(&t->fitting);
    desy_items_close(&t->items);
    desy_training_set_close(&t->set);
    free(t->kept_logits);
    free(t->kept_ids);
    free(t->final_logits);
    cJSON_Delete(t->reference);
    cJSON_Delete(t->reliability);
    desy_drift_sample_close(&t->drift);
}

/* In place of desy_fitting_channels: heads and out-of-fold logits of the levels that were trained one by one. */
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
    t->fitting.ensemble.layout = t->set.layout;
    DESY_TRY(desy_agree(t->world, desy_levels_load(&t->fitting.ensemble, &t->kept_logits, directories, t->kept_ids, t->fitting.measured.chosen, t->options->device)));
    for (size_t i = 0; i < t->set.total; i++) {
        if (!(t->fitting.item_weights[i] > 0)) continue;
        memcpy(t->fitting.logits + i * (size_t)t->fitting.ensemble.n, t->kept_logits + n++ * (size_t)t->fitting.ensemble.n, (size_t)t->fitting.ensemble.n * sizeof *t->fitting.logits);
    }
out:
    for (int level = 0; level < DESY_LEVELS; level++) free(directories[level]);
    return rc;
}

/* What the model keeps of the logits that its fusion is fitted to. */
static int keep_logits(struct training *t)
{
    const size_t width = (size_t)t->fitting.ensemble.n;
    size_t n = 0;
    if (!t->kept_logits) t->kept_logits = malloc((t->fitting.measured.chosen * width + 1) * sizeof *t->kept_logits);
    if (!t->kept_logits) return desy_error_memory("out-of-fold logits");
    for (size_t i = 0; i < t->set.total; i++)
        if (t->fitting.item_weights[i] > 0) memcpy(t->kept_logits + n++ * width, t->fitting.logits + i * width, width * sizeof *t->kept_logits);
    t->fitting.ensemble.out_of_fold = t->kept_logits;
    t->fitting.ensemble.ids = t->kept_ids;
    t->fitting.ensemble.training = t->fitting.measured.chosen;
    return DESY_OK;
}

/* The final logits fused, of an item's first row the item's; new. */
static int fuse_final(const struct training *t, double **fused)
{
    const size_t size = t->set.total * (size_t)t->fitting.ensemble.n * sizeof **fused;
    *fused = malloc(size + 1);
    if (!*fused) return desy_error_memory("logits");
    memcpy(*fused, t->final_logits, size);
    desy_ensemble_fuse_rows(&t->fitting.ensemble, *fused, t->set.total);
    desy_training_average(&t->set, *fused, 1);
    return DESY_OK;
}

/* fused (total): final logits. */
static int diagnose(struct training *t, const double *fused, const struct desy_train_metrics *m)
{
    const struct desy_fitting *f = &t->fitting;
    size_t verdicts[2][2] = {{0}};
    double items[2] = {0}, trained_auc;
    int rc = desy_fit_auc(&f->measured, fused, &trained_auc);
    for (size_t i = 0; i < t->set.total; i++) {
        if (f->item_weights[i] > 0) items[t->set.labels[i]]++;
        if (f->item_weights[i] > 0 || f->validation_item_weights[i] > 0) verdicts[t->set.labels[i]][desy_sigmoid(fused[i]) >= m->threshold]++;
    }
    for (int k = 0; k < f->ensemble.n; k++)
        if (f->ensemble.heads[k].channel->form == DESY_FORM_FULL) desy_diagnose_curve(&t->diagnosis, f->ensemble.heads[k].channel->name, &f->curves[k], t->options);
    if (rc == DESY_OK) desy_diagnose_labels(&t->diagnosis, trained_auc, m->out_of_fold_auc, items);
    desy_diagnose_verdicts(&t->diagnosis, verdicts, t->options);
    return rc;
}

static int measure(struct training *t, struct desy_train_metrics *m)
{
    double *fused = NULL;
    int rc;
    DESY_TRY(desy_agree(t->world, fuse_final(t, &fused)));
    rc = desy_fit_auc(&t->fitting.measured, t->fitting.logits, &m->out_of_fold_auc);
    if (rc == DESY_OK) rc = desy_fit_auc(&t->fitting.validation_measured, fused, &m->validation_auc);
    const bool all = t->options->all_parts;
    if (rc == DESY_OK)
        rc = desy_choose_threshold(all ? &t->fitting.measured : &t->fitting.validation_measured, all ? t->fitting.logits : fused, t->options->most_false_alarms, &m->threshold);
    if (rc == DESY_OK) rc = diagnose(t, fused, m);
    DESY_TRY(desy_agree(t->world, rc));
    desy_fit_log_loss(&t->fitting.measured, t->fitting.logits, &m->out_of_fold_loss, &m->out_of_fold_accuracy);
    desy_fit_log_loss(&t->fitting.validation_measured, fused, &m->validation_loss, &m->validation_accuracy);
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
    for (int c = 0; c < t->fitting.n; c++) {
        const struct desy_channel *channel = t->fitting.candidates[c];
        if (channel->form == DESY_FORM_SMALL) desy_log_info("train: %s (%s level) is convex and solved: epochs, batch size and learning rate do not concern it", channel->name, desy_level_name(channel->level));
        else desy_log_info("train: %s (%s level) is trained by gradient: %d epochs at most, batches of %d, learning rate %g", channel->name, desy_level_name(channel->level), t->options->epochs, t->options->batch_size, t->options->learning_rate);
    }
}

/* Rank 0. */
static int publish(struct training *t, desy_store *store, const struct desy_train_identity *identity, const struct desy_train_metrics *m, char **directory)
{
    cJSON *model = cJSON_CreateObject();
    char training_sha256[65], fingerprint[65], *before = NULL;
    int rc = model ? desy_training_sha256(&t->items, training_sha256) : desy_error_memory("a model");
    if (rc == DESY_OK) rc = desy_train_describe(model, store, t->options, identity, training_sha256, m, &t->fitting.ensemble, t->fitting.curves);
    if (rc == DESY_OK) {
        cJSON_AddItemToObject(model, "reference", t->reference);
        cJSON_AddItemToObject(model, "reliability", t->reliability);
        cJSON_AddItemToObject(model, "drift", t->drift.json);
        t->reference = t->reliability = t->drift.json = NULL;
        if (!cJSON_AddItemToObject(model, "diagnosis", desy_diagnosis_json(&t->diagnosis))) rc = desy_error_memory("a model");
    }
    if (rc == DESY_OK) rc = desy_model_current(t->options->save_dir, &before, fingerprint);
    if (rc == DESY_OK) rc = desy_model_publish(t->options->save_dir, &t->fitting.ensemble, model, directory);
    for (int i = 0; rc == DESY_OK && i < t->diagnosis.n; i++) desy_log_warning("train: %s", t->diagnosis.findings[i].words);
    if (rc == DESY_OK) desy_registry_warn_if_worse(t->options->save_dir, before, *directory);
    cJSON_Delete(model);
    free(before);
    return rc;
}

static int train_and_publish(desy_world *world, desy_store *store, const struct desy_train_options *options, const struct desy_train_identity *identity,
                             struct desy_checkpoints *checkpoints, struct desy_train_result *result)
{
    struct training t = {.world = world, .options = options};
    struct desy_train_metrics metrics;
    int rc;
    DESY_TRY(open_training(&t, store));
    t.fitting.checkpoints = checkpoints;
    say_plan(&t);
    if (options->level == DESY_TRAIN_FUSION) DESY_TRY(load_levels(&t, identity));
    else DESY_TRY(desy_fitting_channels(&t.fitting));
    DESY_TRY(desy_agree(world, keep_logits(&t)));
    DESY_TRY(desy_fitting_fuse(&t.fitting));
    DESY_TRY(desy_fitting_logits(&t.fitting, &t.final_logits));
    DESY_TRY(measure(&t, &metrics));
    DESY_TRY(desy_reference_describe(&t.fitting, t.final_logits, t.fitting.logits, metrics.threshold, &t.reference, &t.reliability));
    DESY_TRY(desy_drift_sample(&t.fitting, t.kept_logits, t.fitting.logits, &t.drift));
    t.fitting.ensemble.summaries = t.drift.columns ? t.drift.rows : NULL, t.fitting.ensemble.summarised = t.drift.n, t.fitting.ensemble.summary_columns = t.drift.columns;
    DESY_TRY(desy_agree(world, desy_rank(world) == 0 ? desy_store_check_unchanged(store) : DESY_OK));
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
    struct desy_checkpoints checkpoints = {.minutes = options->checkpoint_minutes};
    char there[65] = "";
    int rc = DESY_OK;
    memset(result, 0, sizeof *result);
    if (desy_rank(world) == 0) {
        rc = desy_make_directory(options->save_dir); /* before hours of work, not after */
        if (rc == DESY_OK) rc = desy_train_identify(&identity, store, options);
        if (rc == DESY_OK) rc = desy_model_current(options->save_dir, &result->directory, there);
        if (rc == DESY_OK) rc = desy_checkpoints_open(&checkpoints, options->save_dir, identity.fingerprint, options->checkpoint_minutes, options->anew);
        /* A fusion depends on the versions that are there, too. */
        result->skipped = rc == DESY_OK && options->level != DESY_TRAIN_FUSION && strcmp(there, identity.fingerprint) == 0;
    }
    DESY_TRY(desy_agree(world, rc));
    desy_broadcast(world, &result->skipped, sizeof result->skipped, 0);
    if (!result->skipped) {
        free(result->directory);
        result->directory = NULL;
        DESY_TRY(train_and_publish(world, store, options, &identity, &checkpoints, result));
    }
    if (desy_rank(world) == 0) desy_checkpoints_remove(&checkpoints); /* of what is published; a run before may have ended just short of this */
    rc = desy_broadcast_text(world, &result->directory, 0);
out:
    desy_checkpoints_close(&checkpoints);
    return rc;
}

int desy_train_find_rates(desy_world *world, desy_store *store, const struct desy_train_options *options, struct desy_rate_sweep **sweeps, int *n)
{
    struct desy_train_options in_memory = *options;
    in_memory.save_dir = NULL; /* it need not be there */
    struct training t = {.world = world, .options = &in_memory};
    int rc = (*sweeps = calloc(DESY_MAX_CHANNELS, sizeof **sweeps)) ? DESY_OK : desy_error_memory("the search for a learning rate");
    *n = 0;
    DESY_TRY(desy_agree(world, rc));
    DESY_TRY(open_training(&t, store));
    for (int c = 0; c < t.fitting.n; c++)
        if (t.fitting.candidates[c]->form == DESY_FORM_FULL) DESY_TRY(desy_fitting_sweep(&t.fitting, t.fitting.candidates[c], &(*sweeps)[(*n)++]));
    if (*n == 0) rc = desy_error(DESY_EUSAGE, "--lr-find: no full form is trained with these options; --size full, and a --level that has one");
out:
    close_training(&t);
    return rc;
}

/* The fused logits of the items that are measured. */
static int copy_out_of_fold(struct desy_out_of_fold *o, const struct training *t)
{
    const size_t n = t->fitting.measured.chosen;
    o->by_source = t->set.by_source;
    o->ids = malloc((n + 1) * sizeof *o->ids), o->labels = malloc(n + 1), o->logits = malloc((n + 1) * sizeof *o->logits);
    if (!o->ids || !o->labels || !o->logits) return desy_error_memory("out-of-fold logits");
    memcpy(o->ids, t->kept_ids, n * sizeof *o->ids);
    for (size_t i = 0; i < t->set.total; i++)
        if (t->fitting.item_weights[i] > 0) o->labels[o->n] = t->set.labels[i], o->logits[o->n++] = t->fitting.logits[i];
    return DESY_OK;
}

int desy_train_out_of_fold(desy_world *world, desy_store *store, const struct desy_train_options *options, struct desy_out_of_fold *out_of_fold)
{
    struct training t = {.world = world, .options = options};
    int rc;
    DESY_TRY(open_training(&t, store));
    DESY_TRY(desy_fitting_channels(&t.fitting));
    DESY_TRY(desy_fitting_fuse(&t.fitting));
    DESY_TRY(desy_agree(world, copy_out_of_fold(out_of_fold, &t)));
out:
    close_training(&t);
    return rc;
}

void desy_out_of_fold_close(struct desy_out_of_fold *o)
{
    free(o->ids);
    free(o->labels);
    free(o->logits);
    *o = (struct desy_out_of_fold){0};
}
