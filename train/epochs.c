#include "train/epochs.h"

#include "base/error.h"
#include "base/finite.h"
#include "base/log.h"
#include "base/random.h"
#include "mpi/fixed_sum.h"
#include "mpi/signals.h"
#include "train/class_weights.h"
#include "train/gradient_sum.h"
#include "train/loader.h"
#include "train/reading.h"
#include "train/same.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DROPOUT .5
#define AGREE_STEPS 16
#define SAME_STEPS (2 * AGREE_STEPS) /* between comparisons of the ranks' parameters, beside those before a checkpoint and at an epoch's end */
#define REST 20 /* times as long as a checkpoint (or a look at the store) took, until an epoch has the next: epochs of milliseconds must not wait for disks */
enum { STREAM_PARAMETERS, STREAM_DROPOUT, STREAM_ORDER }; /* of random numbers; orders take one more an epoch */
#define STREAM_CROPS UINT64_MAX
enum { ASKED_NOTHING, ASKED_CHECKPOINT, ASKED_STOP };

struct trainer {
    const struct desy_fit *fit, *validation;
    const uint64_t *ids;
    const struct desy_train_options *options;
    struct desy_checkpoints *checkpoints; /* NULL: none */
    struct desy_head *head;
    const char *name;
    uint64_t seed, stream;
    struct desy_curve *curve;
    /* what a step works with */
    uint32_t *chosen, *order;    /* (n) rows of the fit's items; their order in this epoch */
    struct desy_fit weighted;    /* the fit with class weights; .weights are the trainer's own, NULL: balanced */
    double weights_sum;          /* of the fit's items */
    struct desy_balance balance; /* .n 0: every item once an epoch */
    uint32_t *repeats;           /* (n): how often an item came before in this epoch; NULL: every item comes once */
    size_t n, batch, accumulate, shard_rows, shards; /* of a full batch */
    desy_loader *loader;
    size_t in_batch;
    const void *x;               /* of this rank's shards: train/loader.h */
    const int32_t *lengths;
    float *labels, *weights;     /* (shards * shard_rows), padded with weight 0 */
    uint64_t *shard_ids;
    /* the network's flat buffers */
    size_t count;
    float *parameters, *best;
    float *scratch;              /* the gradient of a batch that is not its step's first */
    struct desy_gradient_sum sum; /* of the shards' gradients */
    struct desy_optimizer optimizer;
    struct desy_learning_rate rate;
    struct desy_loss_scale loss_scale; /* of fp16; else 1 */
    size_t from;                 /* items of this epoch that are done */
    int asked;                   /* by any rank, before the last step */
    double verify;               /* rank 0: from when on it looks again whether the store has changed */
    double due;                  /* rank 0: when the next checkpoint is, by the clock */
    /* of this rank, over an epoch */
    double *losses;              /* of each shard */
    size_t n_losses, losses_room;
    int64_t right;
    int pending;                 /* a failure of this rank alone, which the next agreement brings to the others */
};

size_t desy_shard_least_rows(enum desy_reads reads)
{
    return reads == DESY_READS_CROPS ? 1 : reads == DESY_READS_POOLED ? 32 : 4;
}

static size_t count_shards(const struct trainer *t)
{
    const size_t least = desy_shard_least_rows(t->head->channel->reads), ranks = (size_t)desy_size(t->fit->world);
    const size_t most = (t->batch + least - 1) / least, large = (t->batch + DESY_SHARD_MOST_ROWS - 1) / DESY_SHARD_MOST_ROWS;
    const size_t wanted = t->options->fast && ranks > DESY_VIRTUAL_SHARDS ? ranks : DESY_VIRTUAL_SHARDS, shards = wanted < most ? wanted : most;
    return shards > large ? shards < DESY_TREE_LEAVES ? shards : DESY_TREE_LEAVES : large;
}

static int open_trainer(struct trainer *t)
{
    const struct desy_fit *fit = t->fit;
    t->batch = (size_t)t->options->batch_size;
    t->loss_scale = t->options->precision == DESY_FP16 ? DESY_LOSS_SCALE_FIRST : (struct desy_loss_scale){1, 0};
    t->accumulate = t->options->accumulate > 1 ? (size_t)t->options->accumulate : 1;
    t->shards = count_shards(t);
    t->shard_rows = (t->batch + t->shards - 1) / t->shards;
    const size_t rows = t->shards * t->shard_rows;
    const struct desy_network_tensor *tensors;
    size_t n_tensors;
    int rc;
    DESY_TRY(desy_network_open(&t->head->network, t->head->channel->architecture, t->head->frames, t->head->inputs, desy_random_u64(t->seed, STREAM_PARAMETERS, 0), t->options->device, 1));
    DESY_TRY(desy_network_train_in(t->head->network, t->options->precision));
    DESY_TRY(desy_network_tensors(t->head->network, &tensors, &n_tensors));
    DESY_TRY(desy_network_parameters(t->head->network, &t->parameters, &t->count));
    DESY_TRY(desy_gradient_sum_open(&t->sum, fit->world, tensors, n_tensors, t->count, t->shards));
    DESY_TRY(desy_optimizer_open(&t->optimizer, t->options->optimizer, t->options->momentum, t->count));
    t->chosen = malloc((fit->chosen + 1) * sizeof *t->chosen);
    t->order = malloc((fit->chosen + 1) * sizeof *t->order);
    t->labels = calloc(rows, sizeof *t->labels);
    t->weights = calloc(rows, sizeof *t->weights);
    t->shard_ids = calloc(rows, sizeof *t->shard_ids);
    t->best = malloc(t->count * sizeof *t->best);
    t->scratch = t->accumulate > 1 ? malloc(t->count * sizeof *t->scratch) : NULL;
    t->losses_room = (fit->chosen / t->batch + 1) * t->shards; /* rank 0 takes those of all from a checkpoint */
    t->losses = malloc(t->losses_room * sizeof *t->losses);
    if (!t->chosen || !t->order || !t->labels || !t->weights || !t->shard_ids || !t->best || !t->losses || (t->accumulate > 1 && !t->scratch))
        rc = desy_error_memory("training a network");
    for (size_t i = 0; rc == DESY_OK && i < fit->total; i++)
        if (fit->weights[i] > 0) t->chosen[t->n++] = (uint32_t)i, t->weights_sum += fit->weights[i];
    if (t->balance.n) {
        t->weights_sum = (double)t->n; /* its weights are 1 on average over the draws */
        t->repeats = calloc(t->n, sizeof *t->repeats);
        if (rc == DESY_OK && !t->repeats) rc = desy_error_memory("training a network");
    }
    if (rc == DESY_OK) rc = desy_loader_open(&t->loader, &(struct desy_loader_options){fit, t->head, t->chosen, t->n, t->batch, t->shard_rows, t->sum.first, t->sum.own, t->options->augmentation, desy_random_u64(t->seed, STREAM_CROPS, 0), t->ids, t->repeats, t->options->workers > 1 ? t->options->workers : 1});
    const size_t step = t->batch * t->accumulate;
    const long steps = (long)((t->n + step - 1) / step); /* of an epoch */
    t->rate = (struct desy_learning_rate){t->options->schedule, t->options->learning_rate, t->options->warmup_epochs * steps, t->options->epochs * steps};
out:
    return rc;
}

/* In place of the fit's own: those that the options ask for. */
static int weigh_classes(struct trainer *t, const struct desy_split_item *items)
{
    static const double unweighted[2] = {1, 1};
    const struct desy_train_options *o = t->options;
    const double *of_class = o->class_weighting == DESY_CLASSES_GIVEN ? o->class_weights : unweighted;
    if (o->balance == DESY_BALANCE_NONE && o->class_weighting == DESY_CLASSES_BALANCED) return DESY_OK;
    int rc = o->balance == DESY_BALANCE_NONE ? DESY_OK : desy_balance_open(&t->balance, o->balance, t->fit, items);
    if (rc != DESY_OK) return rc;
    double *weights = malloc((t->fit->total + 1) * sizeof *weights);
    if (!weights) return desy_error_memory("class weights");
    if (t->balance.n) desy_balance_weights(&t->balance, t->fit, of_class, weights);
    else desy_class_weights(t->fit, of_class, weights);
    t->weighted = *t->fit;
    t->weighted.weights = weights;
    t->fit = &t->weighted;
    return DESY_OK;
}

static void close_trainer(struct trainer *t)
{
    free((double *)t->weighted.weights);
    desy_balance_close(&t->balance);
    free(t->repeats);
    desy_optimizer_close(&t->optimizer);
    free(t->chosen);
    free(t->order);
    free(t->labels);
    free(t->weights);
    free(t->shard_ids);
    desy_loader_close(&t->loader);
    desy_gradient_sum_close(&t->sum);
    free(t->best);
    free(t->scratch);
    free(t->losses);
}

/* The batch from `from` on, padded to whole shards. */
static int prepare_batch(struct trainer *t, size_t from)
{
    t->in_batch = t->n - from < t->batch ? t->n - from : t->batch;
    memset(t->weights, 0, t->shards * t->shard_rows * sizeof *t->weights);
    for (size_t i = 0; i < t->in_batch; i++) {
        const size_t row = t->chosen[t->order[from + i]];
        t->labels[i] = t->fit->labels[row];
        t->weights[i] = (float)(t->fit->weights[row] * ((double)t->n / t->weights_sum) / (double)t->in_batch); /* 1 on average, however many clips an item has */
        t->shard_ids[i] = desy_time_id(t->ids[row], t->repeats, from + i);
    }
    return desy_loader_next(t->loader, &t->x, &t->lengths);
}

/* Gradients of this rank's shards of the batch, added to those of the step's batches before it. A shard of padding alone has none. */
static int run_shards(struct trainer *t, size_t in_step, bool is_first, const struct desy_network_loss *how)
{
    const size_t bytes = desy_reading_bytes(t->head);
    const bool counts = t->shards > 1 || desy_rank(t->fit->world) == 0; /* what every rank does is counted once */
    float logits[t->shard_rows];
    double loss;
    int rc = DESY_OK;
    for (size_t i = 0; t->in_batch != in_step && i < t->in_batch; i++) t->weights[i] *= (float)((double)t->in_batch / (double)in_step);
    for (size_t k = 0; rc == DESY_OK && k < t->sum.own && (t->sum.first + k) * t->shard_rows < t->in_batch; k++) {
        const size_t from = (t->sum.first + k) * t->shard_rows;
        const struct desy_network_batch batch = {.n = (int)t->shard_rows, .x = (const char *)t->x + k * t->shard_rows * bytes, .lengths = t->lengths ? t->lengths + k * t->shard_rows : NULL,
                                                 .labels = t->labels + from, .weights = t->weights + from, .ids = t->shard_ids + from};
        float *sum = desy_gradient_sum_shard(&t->sum, k);
        rc = desy_network_gradient(t->head->network, &batch, how, is_first ? sum : t->scratch, &loss, logits);
        for (size_t i = 0; !is_first && i < t->count; i++) sum[i] += t->scratch[i];
        if (!counts) continue;
        t->losses[t->n_losses++] = loss * (double)in_step;
        for (size_t i = from; i < from + t->shard_rows && i < t->in_batch; i++) t->right += (logits[i - from] >= 0) == (t->labels[i] > .5f);
    }
    return rc;
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* What this rank asks for travels with the step's numbers, so that all do it after the same step. */
static int wish(const struct trainer *t)
{
    if (desy_interrupted()) return ASKED_STOP;
    return t->checkpoints && desy_rank(t->fit->world) == 0 && now_seconds() >= t->due ? ASKED_CHECKPOINT : ASKED_NOTHING;
}

/* Where every rank does the whole batch nothing travels, and the ranks need not wait for each other at every step. */
static bool agrees_after_step(const struct trainer *t, size_t in_step)
{
    const size_t most = t->batch * t->accumulate;
    const bool every_step = t->shards > 1 || (t->checkpoints && t->checkpoints->minutes <= 0);
    return every_step || t->from / most % AGREE_STEPS == 0 || t->from + in_step >= t->n;
}

/* false: the step is left out. A gradient that is not finite at a scale of 1 is not the scale's doing, and is left to the check. */
static bool unscale(struct trainer *t, float *gradient)
{
    const double scale = t->loss_scale.scale;
    const bool is_finite = desy_all_finite(gradient, t->count);
    if (!is_finite && scale <= 1) return true;
    desy_unscale(gradient, t->count, scale);
    return desy_loss_scale_update(&t->loss_scale, is_finite);
}

/* Of the batches of a step a virtual shard has one sum, added up in their order by the rank that has the shard: the same at any number of ranks. */
static int run_step(struct trainer *t, const struct desy_network_loss *how)
{
    const struct desy_train_options *o = t->options;
    const size_t most = t->batch * t->accumulate, in_step = t->n - t->from < most ? t->n - t->from : most;
    const size_t first_batch = in_step < t->batch ? in_step : t->batch; /* of a step: its largest */
    int rc = DESY_OK;
    for (size_t done = 0; done < in_step; done += t->in_batch) {
        rc = prepare_batch(t, t->from + done);
        if (t->pending == DESY_OK) t->pending = rc;
        if (t->pending == DESY_OK) t->pending = run_shards(t, in_step, done == 0, how);
    }
    t->asked = ASKED_NOTHING;
    if (agrees_after_step(t, in_step)) {
        t->asked = wish(t);
        DESY_TRY(desy_gradient_agree(&t->sum, t->pending, &t->asked));
    }
    t->from += in_step;
    if (t->pending != DESY_OK) return DESY_OK; /* the next agreement says it */
    float *gradient = desy_gradient_sum_finish(&t->sum, (first_batch + t->shard_rows - 1) / t->shard_rows);
    if (o->precision == DESY_FP16 && !unscale(t, gradient)) return DESY_OK;
    t->pending = desy_gradient_check(&t->sum, gradient); /* a rank with a fault may be alone with it */
    if (t->pending != DESY_OK) return DESY_OK;
    if (o->clip_norm > 0) desy_clip_norm(gradient, t->count, o->clip_norm);
    desy_optimizer_step(&t->optimizer, t->parameters, gradient, desy_learning_rate_at(&t->rate, t->optimizer.step), o->weight_decay);
    t->pending = desy_network_parameters_changed(t->head->network);
out:
    return rc;
}

static struct desy_fit_state state_of(const struct trainer *t)
{
    return (struct desy_fit_state){.channel = t->head->channel->name, .stream = t->stream, .buffers = {t->parameters, t->best, t->optimizer.first, t->optimizer.second}, .count = t->count,
        .curve = t->curve, .epochs = t->options->epochs, .step = t->optimizer.step, .loss_scale = t->loss_scale, .from = (int64_t)t->from, .right = t->right, .losses = t->losses, .n_losses = t->n_losses, .losses_room = t->losses_room};
}

static void keep(struct trainer *t)
{
    if (!t->checkpoints) return;
    const struct desy_fit_state state = state_of(t);
    const double begun = now_seconds();
    desy_checkpoint_save(t->fit->world, t->checkpoints, &state);
    const double now = now_seconds();
    t->checkpoints->ready = t->checkpoints->minutes > 0 ? now + REST * (now - begun) : now;
    t->due = now + 60 * t->checkpoints->minutes;
}

static int go_on(struct trainer *t, const char *name)
{
    bool found;
    struct desy_fit_state state = state_of(t);
    int rc = DESY_OK;
    if (!t->checkpoints) return DESY_OK;
    t->due = now_seconds() + 60 * t->checkpoints->minutes;
    DESY_TRY(desy_checkpoint_resume(t->fit->world, t->checkpoints, &state, &found));
    if (!found) return DESY_OK;
    t->optimizer.step = (long)state.step, t->loss_scale = state.loss_scale, t->from = (size_t)state.from, t->right = state.right, t->n_losses = state.n_losses;
    t->pending = desy_network_parameters_changed(t->head->network);
    if (desy_rank(t->fit->world) == 0) desy_log_info("train: %s: goes on after epoch %d and %zu of %zu clips (step %ld)", name, t->curve->count, t->from, t->n, t->optimizer.step);
out:
    return rc;
}

/* Weighted log loss and accuracy of the validation items. */
static int validate(const struct trainer *t, struct desy_epoch *epoch)
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
static int after_step(const struct trainer *t, size_t from)
{
    if (t->options->empty_cache_every > 0 && t->optimizer.step % t->options->empty_cache_every == 0) desy_torch_empty_cache(t->options->device);
    if (from / (t->batch * t->accumulate) % SAME_STEPS != 0 && t->asked == ASKED_NOTHING && t->from < t->n) return DESY_OK;
    const int rc = desy_agree(t->fit->world, t->pending);
    return rc == DESY_OK ? desy_same_parameters(t->fit->world, t->parameters, t->count, t->order, t->n, t->name) : rc;
}

/* A store that another program writes to is found at the end of an epoch, where rank 0 has not just looked. */
static void verify_store(struct trainer *t)
{
    const struct desy_stored *stored = t->fit->stored;
    const double begun = now_seconds();
    if (desy_rank(t->fit->world) != 0 || !stored || !stored->store || t->pending != DESY_OK || begun < t->verify) return;
    t->pending = desy_store_check_unchanged(stored->store);
    const double now = now_seconds();
    t->verify = now + REST * (now - begun);
}

static struct desy_network_loss loss_of(const struct trainer *t, int epoch)
{
    const struct desy_train_options *o = t->options;
    return (struct desy_network_loss){.focal = o->focal, .gamma = o->focal_gamma, .alpha = o->focal_alpha, .label_smoothing = o->label_smoothing, .dropout = DROPOUT, .scale = t->loss_scale.scale,
                                      .dropout_seed = desy_random_u64(t->seed, STREAM_DROPOUT, (uint64_t)epoch)};
}

/* A failure stays pending. */
static void begin_epoch(struct trainer *t, int number)
{
    int rc = DESY_OK;
    if (t->balance.n) desy_balance_order(&t->balance, desy_random_u64(t->seed, STREAM_ORDER + (uint64_t)number, 0), t->order, t->repeats);
    else desy_random_permutation(t->seed, STREAM_ORDER + (uint64_t)number, t->n, t->order);
    if (t->from < t->n) rc = desy_loader_begin(t->loader, (uint64_t)number, t->order, t->from);
    if (t->pending == DESY_OK) t->pending = rc;
}

/* From where it stands to its end. */
static int run_epoch(struct trainer *t, int number, struct desy_epoch *epoch)
{
    int64_t sums[2];
    int rc;
    begin_epoch(t, number);
    while (t->from < t->n) {
        const struct desy_network_loss how = loss_of(t, number); /* of this step: the scale may have changed */
        const size_t from = t->from;
        DESY_TRY(run_step(t, &how));
        DESY_TRY(after_step(t, from));
        if (t->asked != ASKED_NOTHING) keep(t);
        if (t->asked == ASKED_STOP) return desy_error(DESY_EINTERRUPTED, "training was interrupted; the same command continues it");
    }
    verify_store(t);
    DESY_TRY(desy_agree(t->fit->world, t->pending));
    DESY_TRY(desy_fixed_sum(t->fit->world, t->losses, t->n_losses, 1, t->n, &epoch->loss));
    DESY_TRY(validate(t, epoch));
    sums[0] = t->right;
    sums[1] = t->checkpoints && (desy_interrupted() || (desy_rank(t->fit->world) == 0 && now_seconds() >= t->checkpoints->ready));
    desy_sum_i64(t->fit->world, sums, 2);
    epoch->loss /= (double)t->n;
    epoch->accuracy = (double)sums[0] / (double)t->n;
    t->asked = sums[1] ? ASKED_CHECKPOINT : ASKED_NOTHING;
    t->from = t->n_losses = 0;
    t->right = 0;
out:
    return rc;
}

static int run_epochs(struct trainer *t, const char *name, bool every_epoch)
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
        if (t->asked == ASKED_CHECKPOINT) keep(t);
    }
    if (desy_rank(t->fit->world) == 0)
        desy_log_info("train: %s: epoch %d of %d is the best, validation Loss=%.4f, Acc=%.4f", name, curve->best + 1, curve->count,
                      curve->epochs[curve->best].validation_loss, curve->epochs[curve->best].validation_accuracy);
    memcpy(t->parameters, t->best, t->count * sizeof *t->best);
    rc = desy_agree(t->fit->world, desy_network_parameters_changed(t->head->network));
out:
    return rc;
}

/* Everything up to the first step. */
static int begin(struct trainer *t, const struct desy_full_fit *f, struct desy_head *head)
{
    *t = (struct trainer){.fit = f->fit, .validation = f->validation, .ids = f->ids, .options = f->options, .checkpoints = f->checkpoints, .head = head, .name = f->name,
                          .seed = desy_random_u64(f->options->seed, f->stream, 0), .stream = f->stream};
    int rc = desy_head_open(head, f->channel, f->layout);
    if (f->channel->reads == DESY_READS_FRAMES) head->frames = f->fit->stored->frames;
    if (rc == DESY_OK) rc = weigh_classes(t, f->items);
    DESY_TRY(desy_agree(f->fit->world, rc));
    DESY_TRY(desy_same_data(t->fit, t->ids, t->name));
    DESY_TRY(desy_head_standardise_inputs(f->fit, head)); /* before the loader, which applies it */
    rc = desy_agree(f->fit->world, open_trainer(t));
out:
    return rc;
}

int desy_head_fit_full(const struct desy_full_fit *f, struct desy_head *head, struct desy_curve *curve)
{
    struct trainer t;
    *curve = (struct desy_curve){.epochs = calloc((size_t)f->options->epochs, sizeof *curve->epochs)};
    int rc = begin(&t, f, head);
    t.curve = curve;
    DESY_TRY(desy_agree(f->fit->world, rc != DESY_OK || curve->epochs ? rc : desy_error_memory("a learning curve")));
    DESY_TRY(go_on(&t, f->name));
    DESY_TRY(run_epochs(&t, f->name, f->every_epoch));
    rc = desy_head_standardise(f->fit, head);
out:
    close_trainer(&t);
    return rc;
}

/* A loss without bounds is no failure of a sweep, but its end: infinity. */
static int sweep_step(struct trainer *t, int epoch, double *loss)
{
    const struct desy_network_loss how = loss_of(t, epoch);
    const size_t from = t->from;
    double most = 0;
    t->n_losses = 0;
    int rc = run_step(t, &how);
    if (rc == DESY_OK) rc = desy_agree(t->fit->world, t->pending);
    for (size_t i = 0; i < t->n_losses; i++) most = t->losses[i] <= most ? most : t->losses[i]; /* NaN stays */
    desy_max_f64(t->fit->world, &most, 1);
    *loss = INFINITY;
    if ((rc == DESY_OK || rc == DESY_EDATA) && !(most < 1e6 * (double)t->batch)) return DESY_OK;
    if (rc != DESY_OK) return rc;
    rc = desy_fixed_sum(t->fit->world, t->losses, t->n_losses, 1, t->n, loss);
    *loss /= (double)(t->from - from);
    return rc == DESY_OK && t->asked == ASKED_STOP ? desy_error(DESY_EINTERRUPTED, "the search for a learning rate was interrupted") : rc;
}

int desy_head_sweep_rate(const struct desy_full_fit *f, struct desy_rate_sweep *sweep)
{
    struct trainer t;
    struct desy_head head = {0};
    bool goes_on = true;
    double loss;
    int rc = begin(&t, f, &head);
    t.rate = (struct desy_learning_rate){.kind = DESY_SCHEDULE_SWEEP};
    *sweep = (struct desy_rate_sweep){.channel = f->channel->name};
    for (int epoch = 0; rc == DESY_OK && goes_on; epoch++) {
        begin_epoch(&t, epoch);
        while (rc == DESY_OK && goes_on && t.from < t.n) {
            rc = sweep_step(&t, epoch, &loss);
            goes_on = rc == DESY_OK && desy_sweep_add(sweep, loss);
        }
        t.from = 0;
    }
    close_trainer(&t);
    desy_head_close(&head);
    return rc;
}
