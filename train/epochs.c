#include "train/epochs.h"

#include "base/error.h"
#include "base/log.h"
#include "mpi/fixed_sum.h"
#include "mpi/signals.h"
#include "train/head_fit.h"
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAME_STEPS 32 /* between comparisons of the ranks' parameters, beside those before a checkpoint and at an epoch's end; a multiple of the steps that ranks agree after (train/trainer.c) */
#define REST 20 /* times as long as a checkpoint (or a look at the store) took, until an epoch has the next: epochs of milliseconds must not wait for disks */

static struct desy_fit_state state_of(const struct desy_trainer *t)
{
    return (struct desy_fit_state){.channel = t->head->channel->name, .stream = t->stream, .buffers = {t->parameters, t->best, t->optimizer.first, t->optimizer.second}, .count = t->count,
        .curve = t->curve, .epochs = t->options->epochs, .step = t->optimizer.step, .loss_scale = t->loss_scale, .from = (int64_t)t->from, .right = t->right, .losses = t->losses, .n_losses = t->n_losses, .losses_room = t->losses_room};
}

static void keep(struct desy_trainer *t)
{
    if (!t->checkpoints) return;
    const struct desy_fit_state state = state_of(t);
    const double begun = desy_trainer_clock();
    desy_checkpoint_save(t->fit->world, t->checkpoints, &state);
    const double now = desy_trainer_clock();
    t->checkpoints->ready = t->checkpoints->minutes > 0 ? now + REST * (now - begun) : now;
    t->due = now + 60 * t->checkpoints->minutes;
}

static int go_on(struct desy_trainer *t, const char *name)
{
    bool found;
    struct desy_fit_state state = state_of(t);
    int rc = DESY_OK;
    if (!t->checkpoints) return DESY_OK;
    t->due = desy_trainer_clock() + 60 * t->checkpoints->minutes;
    DESY_TRY(desy_checkpoint_resume(t->fit->world, t->checkpoints, &state, &found));
    if (!found) return DESY_OK;
    t->optimizer.step = (long)state.step, t->loss_scale = state.loss_scale, t->from = (size_t)state.from, t->right = state.right, t->n_losses = state.n_losses;
    t->pending = desy_network_parameters_changed(t->head->network);
    if (desy_rank(t->fit->world) == 0) desy_log_info("train: %s: goes on after epoch %d and %zu of %zu clips (step %ld)", name, t->curve->count, t->from, t->n, t->optimizer.step);
out:
    return rc;
}

/* Weighted log loss and accuracy of the validation items. */
static int validate(const struct desy_trainer *t, struct desy_epoch *epoch)
{
    const struct desy_fit *v = t->validation;
    double *logits = malloc((v->count + 1) * sizeof *logits), weights = 0;
    int64_t right = 0;
    size_t n = 0;
    int rc = logits ? desy_head_chosen_logits(t->head, v, logits) : desy_error_memory("validation");
    DESY_TRY(desy_agree(v->world, rc));
    for (size_t i = 0; i < v->count; i++) {
        const double weight = v->weights[v->first + i];
        if (!(weight > 0)) continue;
        right += (logits[i] >= 0) == (v->labels[v->first + i] == 1);
        logits[n++] = weight * desy_log_loss(logits[i], v->labels[v->first + i]);
    }
    for (size_t i = 0; i < v->total; i++) weights += v->weights[i];
    DESY_TRY(desy_fixed_sum(v->world, logits, n, 1, v->chosen, &epoch->validation_loss));
    desy_sum_i64(v->world, &right, 1);
    epoch->validation_loss /= weights;
    epoch->validation_accuracy = (double)right / (double)v->chosen;
out:
    free(logits);
    return rc;
}

/* What is not of the step itself, which began at `from`. Before anything of the parameters is kept they are compared, after a step that ranks agreed after. */
static int after_step(const struct desy_trainer *t, size_t from)
{
    if (t->options->empty_cache_every > 0 && t->optimizer.step % t->options->empty_cache_every == 0) desy_torch_empty_cache(t->options->device);
    if (from / (t->batch * t->accumulate) % SAME_STEPS != 0 && t->asked == DESY_ASKED_NOTHING && t->from < t->n) return DESY_OK;
    const int rc = desy_agree(t->fit->world, t->pending);
    return rc == DESY_OK ? desy_same_parameters(t->fit->world, t->parameters, t->count, t->order, t->n, t->name) : rc;
}

/* A store that another program writes to is found at the end of an epoch, where rank 0 has not just looked. */
static void verify_store(struct desy_trainer *t)
{
    const struct desy_stored *stored = t->fit->stored;
    const double begun = desy_trainer_clock();
    if (desy_rank(t->fit->world) != 0 || !stored || !stored->store || t->pending != DESY_OK || begun < t->verify) return;
    t->pending = desy_store_check_unchanged(stored->store);
    const double now = desy_trainer_clock();
    t->verify = now + REST * (now - begun);
}

/* From where it stands to its end. */
static int run_epoch(struct desy_trainer *t, int number, struct desy_epoch *epoch)
{
    int64_t sums[2];
    int rc;
    desy_trainer_begin_epoch(t, number);
    while (t->from < t->n) {
        const struct desy_network_loss how = desy_trainer_loss(t, number); /* of this step: the scale may have changed */
        const size_t from = t->from;
        DESY_TRY(desy_trainer_step(t, &how));
        DESY_TRY(after_step(t, from));
        if (t->asked != DESY_ASKED_NOTHING) keep(t);
        if (t->asked == DESY_ASKED_STOP) return desy_error(DESY_EINTERRUPTED, "training was interrupted; the same command continues it");
    }
    verify_store(t);
    DESY_TRY(desy_agree(t->fit->world, t->pending));
    DESY_TRY(desy_fixed_sum(t->fit->world, t->losses, t->n_losses, 1, t->n, &epoch->loss));
    DESY_TRY(validate(t, epoch));
    sums[0] = t->right;
    sums[1] = t->checkpoints && (desy_interrupted() || (desy_rank(t->fit->world) == 0 && desy_trainer_clock() >= t->checkpoints->ready));
    desy_sum_i64(t->fit->world, sums, 2);
    epoch->loss /= (double)t->n;
    epoch->accuracy = (double)sums[0] / (double)t->n;
    t->asked = sums[1] ? DESY_ASKED_CHECKPOINT : DESY_ASKED_NOTHING;
    t->from = t->n_losses = 0;
    t->right = 0;
out:
    return rc;
}

static int run_epochs(struct desy_trainer *t, const char *name, bool every_epoch)
{
    struct desy_curve *curve = t->curve;
    int rc = DESY_OK;
    while (curve->count < t->options->epochs && !desy_curve_stalls(curve, t->options->patience, t->options->min_delta)) {
        const int e = curve->count;
        struct desy_epoch *epoch = &curve->epochs[e];
        DESY_TRY(run_epoch(t, e, epoch));
        curve->count = e + 1;
        if (e == 0 || epoch->validation_loss < curve->epochs[curve->best].validation_loss) {
            curve->best = e;
            memcpy(t->best, t->parameters, t->count * sizeof *t->best);
        }
        if (every_epoch && desy_rank(t->fit->world) == 0)
            desy_log_info("Epoch %d: Loss=%.4f, Acc=%.4f, validation Loss=%.4f, Acc=%.4f (%s)", e + 1, epoch->loss, epoch->accuracy, epoch->validation_loss,
                          epoch->validation_accuracy, name);
        if (t->asked == DESY_ASKED_CHECKPOINT) keep(t);
    }
    if (desy_rank(t->fit->world) == 0)
        desy_log_info("train: %s: epoch %d of %d is the best, validation Loss=%.4f, Acc=%.4f", name, curve->best + 1, curve->count,
                      curve->epochs[curve->best].validation_loss, curve->epochs[curve->best].validation_accuracy);
    memcpy(t->parameters, t->best, t->count * sizeof *t->best);
    rc = desy_agree(t->fit->world, desy_network_parameters_changed(t->head->network));
out:
    return rc;
}

int desy_head_fit_full(const struct desy_full_fit *f, struct desy_head *head, struct desy_curve *curve)
{
    struct desy_trainer t;
    *curve = (struct desy_curve){.epochs = calloc((size_t)f->options->epochs, sizeof *curve->epochs)};
    int rc = desy_trainer_begin(&t, f, head);
    t.curve = curve;
    DESY_TRY(desy_agree(f->fit->world, rc != DESY_OK || curve->epochs ? rc : desy_error_memory("a learning curve")));
    DESY_TRY(go_on(&t, f->name));
    DESY_TRY(run_epochs(&t, f->name, f->every_epoch));
    rc = desy_head_standardise(f->fit, head);
out:
    desy_trainer_close(&t);
    return rc;
}

/* A loss without bounds is no failure of a sweep, but its end: infinity. */
static int sweep_step(struct desy_trainer *t, int epoch, double *loss)
{
    const struct desy_network_loss how = desy_trainer_loss(t, epoch);
    const size_t from = t->from;
    double most = 0;
    t->n_losses = 0;
    int rc = desy_trainer_step(t, &how);
    if (rc == DESY_OK) rc = desy_agree(t->fit->world, t->pending);
    for (size_t i = 0; i < t->n_losses; i++) most = t->losses[i] <= most ? most : t->losses[i]; /* NaN stays */
    desy_max_f64(t->fit->world, &most, 1);
    *loss = INFINITY;
    if ((rc == DESY_OK || rc == DESY_EDATA) && !(most < 1e6 * (double)t->batch)) return DESY_OK;
    if (rc != DESY_OK) return rc;
    rc = desy_fixed_sum(t->fit->world, t->losses, t->n_losses, 1, t->n, loss);
    *loss /= (double)(t->from - from);
    return rc == DESY_OK && t->asked == DESY_ASKED_STOP ? desy_error(DESY_EINTERRUPTED, "the search for a learning rate was interrupted") : rc;
}

int desy_head_sweep_rate(const struct desy_full_fit *f, struct desy_rate_sweep *sweep)
{
    struct desy_trainer t;
    struct desy_head head = {0};
    bool goes_on = true;
    double loss;
    int rc = desy_trainer_begin(&t, f, &head);
    t.rate = (struct desy_learning_rate){.kind = DESY_SCHEDULE_SWEEP};
    *sweep = (struct desy_rate_sweep){.channel = f->channel->name};
    for (int epoch = 0; rc == DESY_OK && goes_on; epoch++) {
        desy_trainer_begin_epoch(&t, epoch);
        while (rc == DESY_OK && goes_on && t.from < t.n) {
            rc = sweep_step(&t, epoch, &loss);
            goes_on = rc == DESY_OK && desy_sweep_add(sweep, loss);
        }
        t.from = 0;
    }
    desy_trainer_close(&t);
    desy_head_close(&head);
    return rc;
}
