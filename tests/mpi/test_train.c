/* Training gives the same bits at any number of ranks: each job compares with what its rank 0 finds in a world of its own.
 * And what goes wrong on one rank ends it on all of them, with the same code. */
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "tests/mpi/check.h"
#include "tests/mpi/solo.h"
#include "train/epochs.h"
#include "train/fusion.h"
#include "train/head_fit.h"
#include "train/optimizer.h"
#include "train/training_set.h"

#include <math.h>
#include <sys/stat.h>

enum { ITEMS = 215, BATCH = 40 }; /* items: no multiple of a tile */
static const struct desy_layout wide = {180, 768}, narrow = {4, 0}; /* wide: more inputs than items for "mean", fewer for "e" */

static float feature(size_t item, int d, int label)
{
    const double scale = ldexp(1, d % 7 - 3);
    return (float)(scale * (desy_random_normal(1, item, (uint64_t)d) + (label == 1 ? .7 * (d % 3) : 0)) + d % 5);
}

/* Three of five items are for training, one for validation, one for tests; a few have no label. */
static void fill(struct desy_training_set *set, desy_world *on, const struct desy_layout *layout)
{
    const int width = desy_pool_width(layout);
    check(desy_training_set_open(set, on, layout, ITEMS) == DESY_OK);
    for (size_t i = 0; i < ITEMS; i++) {
        const uint64_t bits = desy_random_u64(2, 0, i);
        const enum desy_split_part part = i % 5 < 3 ? DESY_SPLIT_TRAIN : i % 5 == 3 ? DESY_SPLIT_VAL : DESY_SPLIT_TEST;
        set->items[i] = (struct desy_split_item){.id = 1000 + i, .group = i, .source = (bits >> 8) % 4 << 20, .label = i % 60 == 7 ? -1 : (int)(bits & 1), .part = part};
        if (i < set->first || i >= set->first + set->count) continue;
        for (int d = 0; d < width; d++) set->vectors[(i - set->first) * (size_t)width + (size_t)d] = feature(i, d, set->items[i].label);
    }
    check(desy_training_set_finish(set, 9) == DESY_OK);
}

/* Both fits of a set; weights (2, ITEMS) are the caller's. */
static void make_fits(const struct desy_training_set *set, double *weights, struct desy_fit *fit, struct desy_fit *validation)
{
    size_t chosen, to_validate;
    check(desy_training_weights(set, -1, weights, &chosen) == DESY_OK);
    check(desy_validation_weights(set, weights + ITEMS, &to_validate) == DESY_OK);
    *fit = desy_training_fit(set, weights, chosen);
    *validation = desy_training_fit(set, weights + ITEMS, to_validate);
}

static struct desy_train_options options_of(int batch_size)
{
    return (struct desy_train_options){.seed = 5, .epochs = 3, .batch_size = batch_size, .patience = 3, .learning_rate = 1e-3, .weight_decay = .01,
                                       .focal_alpha = -1, .device = "cpu"};
}

static struct desy_train_options all_options(void)
{
    struct desy_train_options options = options_of(BATCH);
    options.optimizer = DESY_SGD, options.momentum = .9, options.learning_rate = .5, options.accumulate = 2, options.clip_norm = .3;
    options.schedule = DESY_SCHEDULE_COSINE, options.warmup_epochs = 1, options.label_smoothing = .1;
    options.balance = DESY_BALANCE_SOURCE, options.class_weighting = DESY_CLASSES_GIVEN, options.class_weights[0] = 1, options.class_weights[1] = 2;
    return options;
}

static int fit_full(const struct desy_training_set *set, const struct desy_train_options *options, struct desy_checkpoints *checkpoints, struct desy_head *head, struct desy_curve *curve)
{
    double weights[2 * ITEMS];
    uint64_t ids[ITEMS];
    struct desy_fit fit, validation;
    make_fits(set, weights, &fit, &validation);
    for (size_t i = 0; i < ITEMS; i++) ids[i] = set->items[i].id;
    return desy_head_fit_full(&(struct desy_full_fit){.fit = &fit, .validation = &validation, .ids = ids, .items = set->items, .channel = desy_channel_find("high_mlp"), .layout = &set->layout,
                                  .options = options, .checkpoints = checkpoints, .stream = 1, .name = "a test"}, head, curve);
}

static void add(desy_sha256 *hash, const void *data, size_t size)
{
    check(desy_sha256_update(hash, data, size) == DESY_OK);
}

static void add_head(desy_sha256 *hash, const struct desy_head *head)
{
    const size_t bytes = (size_t)head->inputs * sizeof(double);
    float *parameters;
    size_t count;
    add(hash, head->median, bytes);
    add(hash, head->scale, bytes);
    if (head->direction) add(hash, head->direction, bytes);
    add(hash, &head->bias, sizeof head->bias);
    add(hash, &head->mean, sizeof head->mean);
    add(hash, &head->deviation, sizeof head->deviation);
    if (!head->network) return;
    check(desy_network_parameters(head->network, &parameters, &count) == DESY_OK);
    add(hash, parameters, count * sizeof *parameters);
}

/* Logits of all items, by all heads: (ITEMS, n), new. */
static double *gather_logits(desy_world *on, const struct desy_fit *fit, const struct desy_ensemble *ensemble)
{
    const size_t n = (size_t)ensemble->n;
    double *mine = malloc((fit->count * n + 1) * sizeof *mine), *all = NULL;
    size_t total;
    check(mine != NULL);
    for (size_t i = 0; i < fit->count; i++)
        for (size_t k = 0; k < n; k++)
            check(desy_head_logits(&ensemble->heads[k], fit->vectors + i * fit->stride, fit->stride, NULL, 1, mine + i * n + k) == DESY_OK);
    check(desy_gatherall(on, mine, fit->count, n * sizeof *mine, (void **)&all, &total) == DESY_OK && total == ITEMS);
    free(mine);
    return all;
}

static void digest_small(desy_world *on, desy_sha256 *hash)
{
    static const char *const names[] = {"e", "step", "mean"};
    struct desy_training_set set = {0};
    struct desy_ensemble ensemble = {.layout = wide};
    struct desy_fit fit, validation;
    double weights[2 * ITEMS], fused[ITEMS], threshold;
    fill(&set, on, &wide);
    make_fits(&set, weights, &fit, &validation);
    check(fit.chosen > 63 && fit.chosen < 180); /* both ways to components are taken */
    add(hash, set.folds, sizeof(int) * ITEMS);
    for (int k = 0; k < 3; k++) {
        check(desy_head_fit_small(&fit, desy_channel_find(names[k]), &wide, &ensemble.heads[ensemble.n++]) == DESY_OK);
        add_head(hash, &ensemble.heads[k]);
    }
    double *logits = gather_logits(on, &fit, &ensemble);
    check(desy_fusion_fit(&fit, logits, &ensemble) == DESY_OK);
    for (size_t i = 0; i < ITEMS; i++) fused[i] = desy_ensemble_fuse(&ensemble, logits + i * 3);
    check(desy_choose_threshold(&validation, fused, 1, &threshold) == DESY_OK);
    add(hash, ensemble.weight, sizeof ensemble.weight);
    add(hash, ensemble.slope, sizeof ensemble.slope);
    add(hash, ensemble.intercept, sizeof ensemble.intercept);
    add(hash, fused, sizeof fused);
    add(hash, &threshold, sizeof threshold);
    free(logits);
    desy_ensemble_close(&ensemble);
    desy_training_set_close(&set);
}

/* Of 3: one shard, which every rank computes. Of 40: two shards of twenty rows. Of 100: four, and an epoch's last batch has one and a part of the next. The last time with all
 * that a step may be asked for; its last step has fewer batches. */
static void digest_full(desy_world *on, desy_sha256 *hash)
{
    const int batches[] = {3, BATCH, 100, BATCH}, last = 3;
    struct desy_training_set set = {0};
    fill(&set, on, &narrow);
    for (int i = 0; i <= last; i++) {
        struct desy_head head = {0};
        struct desy_curve curve = {0};
        struct desy_train_options options = i == last ? all_options() : options_of(batches[i]);
        if (i < last && batches[i] >= BATCH) options.learning_rate = 5e-3; /* few steps */
        check(fit_full(&set, &options, NULL, &head, &curve) == DESY_OK);
        check(curve.count == 3 && curve.epochs[curve.best].validation_loss < .8 * log(2)); /* it learns */
        add_head(hash, &head);
        add(hash, curve.epochs, (size_t)curve.count * sizeof *curve.epochs);
        add(hash, &curve.best, sizeof curve.best);
        desy_head_close(&head);
        desy_curve_close(&curve);
    }
    desy_training_set_close(&set);
}

static void test_bits(const char *what, void (*digest)(desy_world *, desy_sha256 *))
{
    char wanted[DESY_SHA256_HEX] = "", got[DESY_SHA256_HEX];
    desy_sha256 *hash = NULL;
    if (desy_rank(world) == 0) {
        check(desy_sha256_open(&hash) == DESY_OK);
        digest(solo, hash);
        check(desy_sha256_finish(&hash, wanted) == DESY_OK);
    }
    desy_broadcast(world, wanted, sizeof wanted, 0);
    check(desy_sha256_open(&hash) == DESY_OK);
    digest(world, hash);
    check(desy_sha256_finish(&hash, got) == DESY_OK);
    if (strcmp(got, wanted) != 0) fprintf(stderr, "%s: %s, alone %s\n", what, got, wanted);
    check(strcmp(got, wanted) == 0);
}

/* Digest of a fit, as an interruption must not change it. */
static void fit_and_digest(desy_world *on, const struct desy_train_options *options, struct desy_checkpoints *checkpoints, char hex[DESY_SHA256_HEX])
{
    struct desy_training_set set = {0};
    struct desy_head head = {0};
    struct desy_curve curve = {0};
    desy_sha256 *hash = NULL;
    fill(&set, on, &narrow);
    check(desy_sha256_open(&hash) == DESY_OK && fit_full(&set, options, checkpoints, &head, &curve) == DESY_OK);
    add_head(hash, &head);
    add(hash, curve.epochs, (size_t)curve.count * sizeof *curve.epochs);
    add(hash, &curve.best, sizeof curve.best);
    check(desy_sha256_finish(&hash, hex) == DESY_OK);
    desy_head_close(&head);
    desy_curve_close(&curve);
    desy_training_set_close(&set);
}

static uint64_t inode_of(const char *directory, int step)
{
    char path[128];
    struct stat status;
    snprintf(path, sizeof path, "%s/high_mlp-1-%012d.safetensors", directory, step);
    return stat(path, &status) == 0 ? (uint64_t)status.st_ino : 0;
}

/* What one rank left in the middle of the last epoch, all go on from, to the same bits; and a fit that was finished is not done again. */
static void test_resume(struct desy_train_options options, int steps)
{
    char folder[] = "/tmp/desy-train-XXXXXX", wanted[DESY_SHA256_HEX] = "", got[DESY_SHA256_HEX] = "", newest[128];
    const char *fingerprint = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct desy_checkpoints checkpoints = {0};
    uint64_t before = 0;
    if (desy_rank(world) == 0) {
        check(mkdtemp(folder) && desy_checkpoints_open(&checkpoints, folder, fingerprint, 0, false) == DESY_OK);
        fit_and_digest(solo, &options, NULL, wanted);
        fit_and_digest(solo, &options, &checkpoints, got);
        check(strcmp(got, wanted) == 0);
        check(inode_of(checkpoints.directory, steps) && !inode_of(checkpoints.directory, steps - 2)); /* the last two */
        snprintf(newest, sizeof newest, "%s/high_mlp-1-%012d.safetensors", checkpoints.directory, steps);
        check(unlink(newest) == 0 && (before = inode_of(checkpoints.directory, steps - 1)) != 0);
    }
    desy_broadcast(world, wanted, sizeof wanted, 0);
    for (int time = 0; time < 2; time++) {
        fit_and_digest(world, &options, &checkpoints, got);
        check(strcmp(got, wanted) == 0);
        check(desy_rank(world) != 0 || (inode_of(checkpoints.directory, steps) && inode_of(checkpoints.directory, steps - 1) == before)); /* that step was not done again */
    }
    if (desy_rank(world) == 0) {
        desy_checkpoints_remove(&checkpoints);
        check(rmdir(folder) == 0); /* nothing is left */
    }
    desy_checkpoints_close(&checkpoints);
}

/* What training should be, with each batch in one piece: shards, their padding and their sums must not show. */
struct plain {
    const struct desy_training_set *set; /* all of it */
    struct desy_fit fit;
    const struct desy_head *head;
    desy_network *network;
    struct desy_optimizer optimizer;
    uint64_t seed;
};

/* Items `rows` of a batch; the sum of their losses. */
static double plain_step(struct plain *p, const uint32_t *rows, int n, int epoch)
{
    float x[BATCH * 8], labels[BATCH], shares[BATCH], *parameters;
    double room[8], loss;
    uint64_t ids[BATCH];
    size_t count;
    const struct desy_network_loss how = {.alpha = -1, .dropout = .5, .dropout_seed = desy_random_u64(p->seed, 1, (uint64_t)epoch)};
    for (int i = 0; i < n; i++) {
        desy_head_row(p->head, p->set->vectors + rows[i] * p->fit.stride, NULL, x + 8 * i, room);
        labels[i] = (float)p->set->items[rows[i]].label;
        shares[i] = (float)(p->fit.weights[rows[i]] / n);
        ids[i] = p->set->items[rows[i]].id;
    }
    check(desy_network_parameters(p->network, &parameters, &count) == DESY_OK);
    if (!p->optimizer.count) check(desy_optimizer_open(&p->optimizer, DESY_ADAMW, 0, count) == DESY_OK);
    float *gradient = malloc(count * sizeof *gradient);
    check(gradient != NULL);
    check(desy_network_gradient(p->network, &(struct desy_network_batch){.n = n, .x = x, .labels = labels, .weights = shares, .ids = ids}, &how, gradient, &loss, NULL) == DESY_OK);
    desy_optimizer_step(&p->optimizer, parameters, gradient, 1e-3, .01);
    free(gradient);
    return loss * n;
}

/* The mean loss. Streams of random numbers as in train/epochs.c: 0 parameters, 1 dropout, from 2 on the order of each epoch. */
static double plain_epoch(struct plain *p, int epoch)
{
    uint32_t chosen[ITEMS], order[ITEMS], rows[BATCH];
    double loss = 0;
    size_t n = 0;
    for (uint32_t i = 0; i < ITEMS; i++)
        if (p->fit.weights[i] > 0) chosen[n++] = i;
    desy_random_permutation(p->seed, 2 + (uint64_t)epoch, n, order);
    for (size_t from = 0; from < n; from += BATCH) {
        int used = 0;
        for (size_t i = from; i < n && i < from + BATCH; i++) rows[used++] = chosen[order[i]];
        loss += plain_step(p, rows, used, epoch);
    }
    return loss / (double)n;
}

static void test_against_plain_steps(void)
{
    struct desy_training_set set = {0}, whole = {0};
    struct desy_head head = {0};
    struct desy_curve curve = {0};
    struct desy_fit validation;
    struct plain plain = {.set = &whole, .head = &head, .seed = desy_random_u64(5, 1, 0)};
    const struct desy_train_options options = options_of(BATCH);
    double weights[2 * ITEMS];
    fill(&set, world, &narrow);
    fill(&whole, solo, &narrow);
    make_fits(&whole, weights, &plain.fit, &validation);
    check(plain.fit.chosen % BATCH % (BATCH / 2) != 0); /* the last batch ends within a shard */
    check(fit_full(&set, &options, NULL, &head, &curve) == DESY_OK);
    check(desy_network_open(&plain.network, "high_mlp", 1, 8, desy_random_u64(plain.seed, 0, 0), "cpu", 1) == DESY_OK);
    for (int epoch = 0; epoch < 3; epoch++) check(fabs(curve.epochs[epoch].loss / plain_epoch(&plain, epoch) - 1) < 1e-5);
    desy_optimizer_close(&plain.optimizer);
    desy_network_close(&plain.network);
    desy_head_close(&head);
    desy_curve_close(&curve);
    desy_training_set_close(&set);
    desy_training_set_close(&whole);
}

/* What runs on CUDA devices, by libtorch's operators here: half precision with a scaled loss, and bfloat16, lose little. */
static void test_mixed_precision(void)
{
    struct desy_training_set set = {0};
    struct desy_curve curves[3] = {{0}};
    struct desy_train_options options = options_of(BATCH);
    fill(&set, world, &narrow);
    for (int i = 0; i < 3; i++) {
        struct desy_head head = {0};
        options.precision = (enum desy_precision[]){DESY_FP32, DESY_FP16, DESY_BF16}[i];
        setenv("DESY_NETWORK_OPERATORS", "1", 1);
        check(fit_full(&set, &options, NULL, &head, &curves[i]) == DESY_OK);
        unsetenv("DESY_NETWORK_OPERATORS");
        desy_head_close(&head);
    }
    for (int i = 1; i < 3; i++)
        for (int epoch = 0; epoch < curves[0].count && epoch < curves[i].count; epoch++) {
            const double difference = fabs(curves[i].epochs[epoch].loss / curves[0].epochs[epoch].loss - 1);
            check(difference < .02 && difference > 0);
        }
    for (int i = 0; i < 3; i++) desy_curve_close(&curves[i]);
    options.precision = DESY_FP16;
    check(fit_full(&set, &options, NULL, &(struct desy_head){0}, &curves[0]) == DESY_EUSAGE);
    desy_curve_close(&curves[0]);
    desy_training_set_close(&set);
}

static void expect_refusal(int rc, const char *wanted)
{
    check(rc == DESY_EDATA);
    if (!strstr(desy_error_message(), wanted)) fprintf(stderr, "\"%s\" is not in: %s\n", wanted, desy_error_message());
    check(strstr(desy_error_message(), wanted) != NULL);
}

/* One number that is not finite, in a training item of the last rank. */
static void test_damaged_feature(float bad)
{
    struct desy_training_set set = {0};
    struct desy_head head = {0};
    struct desy_curve curve = {0};
    struct desy_fit fit, validation;
    double weights[2 * ITEMS];
    const struct desy_train_options options = options_of(BATCH);
    fill(&set, world, &narrow);
    make_fits(&set, weights, &fit, &validation);
    if (desy_rank(world) == desy_size(world) - 1) {
        size_t i = 0;
        while (!(weights[set.first + i] > 0)) i++;
        set.vectors[i * fit.stride + 2] = bad;
    }
    expect_refusal(desy_head_fit_small(&fit, desy_channel_find("mean"), &narrow, &head), "not finite");
    desy_head_close(&head);
    expect_refusal(fit_full(&set, &options, NULL, &head, &curve), "not finite");
    desy_head_close(&head);
    desy_curve_close(&curve);
    desy_training_set_close(&set);
}

static void test_exploding(bool fast)
{
    struct desy_training_set set = {0};
    struct desy_head head = {0};
    struct desy_curve curve = {0};
    struct desy_train_options options = options_of(BATCH);
    options.learning_rate = 1e30;
    options.fast = fast;
    fill(&set, world, &narrow);
    expect_refusal(fit_full(&set, &options, NULL, &head, &curve), "not finite");
    desy_head_close(&head);
    desy_curve_close(&curve);
    desy_training_set_close(&set);
}

int main(void)
{
    check(open_worlds() == DESY_OK);
    check(desy_size(solo) == 1 && desy_log_open(NULL, desy_rank(world), desy_size(world), true) == DESY_OK);
    test_bits("small forms", digest_small);
    test_bits("full form", digest_full);
    test_resume(options_of(10), 3 * 13);
    test_resume(options_of(BATCH), 3 * 4);
    test_resume(all_options(), 3 * 2);
    test_against_plain_steps();
    test_mixed_precision();
    test_damaged_feature(NAN);
    test_damaged_feature(-INFINITY);
    test_exploding(false);
    test_exploding(true);
    desy_world_close(&solo);
    desy_world_close(&world);
    return 0;
}
