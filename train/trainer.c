#include "train/trainer.h"

#include "base/error.h"
#include "base/finite.h"
#include "base/random.h"
#include "mpi/signals.h"
#include "train/class_weights.h"
#include "train/head_fit.h"
#include "train/reading.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DROPOUT .5
#define AGREE_STEPS 16
enum { STREAM_PARAMETERS, STREAM_DROPOUT, STREAM_ORDER }; /* of random numbers; orders take one more an epoch */
#define STREAM_CROPS UINT64_MAX

size_t desy_shard_least_rows(enum desy_reads reads)
{
    return reads == DESY_READS_CROPS ? 1 : reads == DESY_READS_POOLED ? 32 : 4;
}

static size_t count_shards(const struct desy_trainer *t)
{
    const size_t least = desy_shard_least_rows(t->head->channel->reads), ranks = (size_t)desy_size(t->fit->world);
    const size_t most = (t->batch + least - 1) / least, large = (t->batch + DESY_SHARD_MOST_ROWS - 1) / DESY_SHARD_MOST_ROWS;
    const size_t wanted = t->options->fast && ranks > DESY_VIRTUAL_SHARDS ? ranks : DESY_VIRTUAL_SHARDS, shards = wanted < most ? wanted : most;
    return shards > large ? shards < DESY_TREE_LEAVES ? shards : DESY_TREE_LEAVES : large;
}

static int open_trainer(struct desy_trainer *t)
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
static int weigh_classes(struct desy_trainer *t, const struct desy_split_item *items)
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

void desy_trainer_close(struct desy_trainer *t)
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
static int prepare_batch(struct desy_trainer *t, size_t from)
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
static int run_shards(struct desy_trainer *t, size_t in_step, bool is_first, const struct desy_network_loss *how)
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

double desy_trainer_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* What this rank asks for travels with the step's numbers, so that all do it after the same step. */
static int wish(const struct desy_trainer *t)
{
    if (desy_interrupted()) return DESY_ASKED_STOP;
    return t->checkpoints && desy_rank(t->fit->world) == 0 && desy_trainer_clock() >= t->due ? DESY_ASKED_CHECKPOINT : DESY_ASKED_NOTHING;
}

/* Where every rank does the whole batch nothing travels, and the ranks need not wait for each other at every step. */
static bool agrees_after_step(const struct desy_trainer *t, size_t in_step)
{
    const size_t most = t->batch * t->accumulate;
    const bool every_step = t->shards > 1 || (t->checkpoints && t->checkpoints->minutes <= 0);
    return every_step || t->from / most % AGREE_STEPS == 0 || t->from + in_step >= t->n;
}

/* false: the step is left out. A gradient that is not finite at a scale of 1 is not the scale's doing, and is left to the check. */
static bool unscale(struct desy_trainer *t, float *gradient)
{
    const double scale = t->loss_scale.scale;
    const bool is_finite = desy_all_finite(gradient, t->count);
    if (!is_finite && scale <= 1) return true;
    desy_unscale(gradient, t->count, scale);
    return desy_loss_scale_update(&t->loss_scale, is_finite);
}

/* Of the batches of a step a virtual shard has one sum, added up in their order by the rank that has the shard: the same at any number of ranks. */
int desy_trainer_step(struct desy_trainer *t, const struct desy_network_loss *how)
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
    t->asked = DESY_ASKED_NOTHING;
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

struct desy_network_loss desy_trainer_loss(const struct desy_trainer *t, int epoch)
{
    const struct desy_train_options *o = t->options;
    return (struct desy_network_loss){.focal = o->focal, .gamma = o->focal_gamma, .alpha = o->focal_alpha, .label_smoothing = o->label_smoothing, .dropout = DROPOUT, .scale = t->loss_scale.scale,
                                      .dropout_seed = desy_random_u64(t->seed, STREAM_DROPOUT, (uint64_t)epoch)};
}

/* A failure stays pending. */
void desy_trainer_begin_epoch(struct desy_trainer *t, int number)
{
    int rc = DESY_OK;
    if (t->balance.n) desy_balance_order(&t->balance, desy_random_u64(t->seed, STREAM_ORDER + (uint64_t)number, 0), t->order, t->repeats);
    else desy_random_permutation(t->seed, STREAM_ORDER + (uint64_t)number, t->n, t->order);
    if (t->from < t->n) rc = desy_loader_begin(t->loader, (uint64_t)number, t->order, t->from);
    if (t->pending == DESY_OK) t->pending = rc;
}

/* Everything up to the first step. */
int desy_trainer_begin(struct desy_trainer *t, const struct desy_full_fit *f, struct desy_head *head)
{
    *t = (struct desy_trainer){.fit = f->fit, .validation = f->validation, .ids = f->ids, .options = f->options, .checkpoints = f->checkpoints, .head = head, .name = f->name,
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
