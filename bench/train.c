/* bench_train STORE CHANNEL BATCH EPOCHS reproducible|fast [bf16]: trains a full form (train/channel.h) on all clips of a store, under mpirun on all ranks, and
 * prints training samples a second: of EPOCHS epochs, without the first one, which warms up, and without reading the set. */
#include "bench/bench.h"

#include "features/store.h"
#include "train/epochs.h"
#include "train/items.h"
#include "train/training_set.h"

#include <string.h>

/* Seconds of a training of so many epochs. */
static double train(struct desy_training_set *set, const struct desy_channel *channel, const struct desy_train_options *options, const uint64_t *ids, const double *weights, const double *few, size_t chosen)
{
    const struct desy_fit fit = desy_training_fit(set, weights, chosen), validation = desy_training_fit(set, few, 2);
    struct desy_head head = {0};
    struct desy_curve curve = {0};
    desy_barrier(set->world);
    const double begin = bench_seconds(CLOCK_MONOTONIC);
    bench_must(desy_head_fit_full(&(struct desy_full_fit){.fit = &fit, .validation = &validation, .ids = ids, .channel = channel, .layout = &set->layout, .options = options, .name = "bench"}, &head, &curve));
    const double seconds = bench_seconds(CLOCK_MONOTONIC) - begin;
    desy_head_close(&head);
    desy_curve_close(&curve);
    return seconds;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fputs("usage: bench_train STORE CHANNEL BATCH EPOCHS reproducible|fast [bf16]\n", stderr);
        return 1;
    }
    const struct desy_channel *channel = desy_channel_find(argv[2]);
    struct desy_train_options options = {.seed = 1, .level = DESY_TRAIN_ALL, .size = DESY_SIZE_FULL, .batch_size = atoi(argv[3]), .patience = 1 << 20, .learning_rate = 1e-3,
        .weight_decay = .01, .focal_alpha = -1, .device = "cpu", .fast = strcmp(argv[5], "fast") == 0, .precision = argc > 6 ? DESY_BF16 : DESY_FP32};
    struct desy_training_set set = {0};
    struct desy_items items = {0};
    desy_store *store = NULL;
    desy_world *world = NULL;
    bench_must(channel && channel->form == DESY_FORM_FULL ? DESY_OK : desy_error(DESY_EUSAGE, "%s is no full form", argv[2]));
    bench_must(desy_world_open(&world));
    bench_must(desy_store_open(&store, argv[1]));
    bench_must(desy_items_read(world, store, 1, false, &items));
    bench_must(desy_training_set_read(&set, world, store, &items, 1, NULL));
    double *weights = calloc(2 * set.total, sizeof *weights), seconds[2];
    uint64_t *ids = calloc(set.total, sizeof *ids);
    for (size_t i = 0; i < set.total; i++) weights[i] = 1, ids[i] = i;
    weights[set.total] = weights[2 * set.total - 1] = 1; /* two validation clips: next to no time */
    for (int k = 0; k < 2; k++) {
        options.epochs = k == 0 ? 1 : 1 + atoi(argv[4]);
        seconds[k] = train(&set, channel, &options, ids, weights, weights + set.total, set.total);
    }
    if (desy_rank(world) == 0) printf("%.1f\n", (double)set.total * atoi(argv[4]) / (seconds[1] - seconds[0]));
    free(weights);
    free(ids);
    desy_training_set_close(&set);
    desy_items_close(&items);
    desy_store_close(&store);
    desy_world_close(&world);
    return 0;
}
