/* fit_full ENCODER N SEED STREAM EPOCHS BATCH ACCUMULATE adamw|sgd MOMENTUM LEARNING_RATE WEIGHT_DECAY constant|cosine WARMUP CLIP_NORM SMOOTHING
 * balanced|none|given REAL AI: on stdin N pooled vectors (float32), then N times label, source, part and group (int32 each); item i has the id i.
 * Fits high_mlp to the training items. On stdout, all float64: weights of training items (N), of validation items (N), and for each
 * epoch training loss and accuracy, validation loss and accuracy; then the raw logits of the best epoch (N). */
#include "base/error.h"
#include "tests/tools/items.h"
#include "train/epochs.h"
#include "train/training_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print(const double *weights, size_t n, const struct desy_head *head, const struct desy_curve *curve, double *logits)
{
    const size_t numbers = 4 * (size_t)curve->count;
    for (size_t i = 0; i < n; i++) logits[i] = logits[i] * head->deviation + head->mean;
    if (fwrite(weights, sizeof *weights, 2 * n, stdout) != 2 * n || fwrite(curve->epochs, sizeof(double), numbers, stdout) != numbers || fwrite(logits, sizeof *logits, n, stdout) != n)
        return desy_error(DESY_EENV, "stdout can't be written");
    return DESY_OK;
}

int main(int argc, char **argv)
{
    if (argc != 19) return DESY_EUSAGE;
    const struct desy_layout layout = {atoi(argv[1]), 0};
    const size_t n = (size_t)atoll(argv[2]);
    const struct desy_train_options options = {.seed = strtoull(argv[3], NULL, 10), .epochs = atoi(argv[5]), .patience = atoi(argv[5]), .batch_size = atoi(argv[6]), .accumulate = atoi(argv[7]),
        .optimizer = strcmp(argv[8], "sgd") == 0 ? DESY_SGD : DESY_ADAMW, .momentum = atof(argv[9]), .learning_rate = atof(argv[10]), .weight_decay = atof(argv[11]),
        .schedule = strcmp(argv[12], "cosine") == 0 ? DESY_SCHEDULE_COSINE : DESY_SCHEDULE_CONSTANT, .warmup_epochs = atoi(argv[13]), .clip_norm = atof(argv[14]),
        .focal_alpha = -1, .label_smoothing = atof(argv[15]), .class_weights = {atof(argv[17]), atof(argv[18])}, .device = "cpu",
        .class_weighting = strcmp(argv[16], "balanced") == 0 ? DESY_CLASSES_BALANCED : strcmp(argv[16], "none") == 0 ? DESY_CLASSES_UNWEIGHTED : DESY_CLASSES_GIVEN};
    struct desy_training_set set = {0};
    struct desy_head head = {0};
    struct desy_curve curve = {0};
    desy_world *world = NULL;
    size_t chosen, to_validate;
    double *weights = calloc(3 * n, sizeof *weights), *logits = weights + 2 * n;
    uint64_t *ids = calloc(n, sizeof *ids);
    int rc = weights && ids ? DESY_OK : desy_error_memory("items");
    DESY_TRY(rc);
    for (size_t i = 0; i < n; i++) ids[i] = i;
    DESY_TRY(desy_world_open(&world));
    DESY_TRY(desy_training_set_open(&set, world, &layout, n));
    DESY_TRY(read_items(&set));
    DESY_TRY(desy_training_set_finish(&set, 1));
    DESY_TRY(desy_training_weights(&set, -1, weights, &chosen));
    DESY_TRY(desy_validation_weights(&set, weights + n, &to_validate));
    const struct desy_fit fit = desy_training_fit(&set, weights, chosen), validation = desy_training_fit(&set, weights + n, to_validate);
    const struct desy_full_fit full = {.fit = &fit, .validation = &validation, .ids = ids, .channel = desy_channel_find("high_mlp"), .layout = &layout, .options = &options,
        .stream = strtoull(argv[4], NULL, 10), .name = "high_mlp", .every_epoch = true};
    DESY_TRY(desy_head_fit_full(&full, &head, &curve));
    DESY_TRY(desy_head_logits(&head, set.vectors, fit.stride, NULL, n, logits));
    rc = print(weights, n, &head, &curve, logits);
out:
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    desy_head_close(&head);
    desy_curve_close(&curve);
    desy_training_set_close(&set);
    desy_world_close(&world);
    free(weights);
    free(ids);
    return rc;
}
