/* fit_small CHANNEL ENCODER FORENSIC N FOLD: on stdin N pooled vectors (float32), then N times label, source, part and group (int32 each).
 * Fits the small form of CHANNEL as if FOLD were left out (-1: none). On stdout: folds (N, int32), then, all
 * float64: sample weights (N), medians, scales, standardised logits of all N. On stderr: offset, inputs and the items chosen. */
#include "base/error.h"
#include "tests/tools/items.h"
#include "train/head_fit.h"
#include "train/training_set.h"

#include <stdio.h>
#include <stdlib.h>

static int print(const struct desy_training_set *set, const double *weights, size_t chosen, const struct desy_head *head, const double *logits)
{
    const size_t n = set->total, inputs = (size_t)head->inputs;
    fprintf(stderr, "%d %d %zu\n", head->offset, head->inputs, chosen);
    if (fwrite(set->folds, sizeof *set->folds, n, stdout) != n || fwrite(weights, sizeof *weights, n, stdout) != n ||
        fwrite(head->median, sizeof *head->median, inputs, stdout) != inputs || fwrite(head->scale, sizeof *head->scale, inputs, stdout) != inputs ||
        fwrite(logits, sizeof *logits, n, stdout) != n)
        return desy_error(DESY_EENV, "stdout can't be written");
    return DESY_OK;
}

int main(int argc, char **argv)
{
    if (argc != 6) return DESY_EUSAGE;
    const struct desy_channel *channel = desy_channel_find(argv[1]);
    const struct desy_layout layout = {atoi(argv[2]), atoi(argv[3])};
    const size_t n = (size_t)atoll(argv[4]);
    struct desy_training_set set = {0};
    struct desy_head head = {0};
    desy_world *world = NULL;
    size_t chosen;
    double *weights = calloc(n, sizeof *weights), *logits = calloc(n, sizeof *logits);
    int rc = weights && logits ? DESY_OK : desy_error_memory("items");
    if (!channel) rc = desy_error(DESY_EUSAGE, "no channel %s", argv[1]);
    DESY_TRY(rc);
    DESY_TRY(desy_world_open(&world));
    DESY_TRY(desy_training_set_open(&set, world, &layout, n));
    DESY_TRY(read_items(&set));
    DESY_TRY(desy_training_set_finish(&set, 1));
    DESY_TRY(desy_training_weights(&set, atoi(argv[5]), weights, &chosen));
    const struct desy_fit fit = desy_training_fit(&set, weights, chosen);
    DESY_TRY(desy_head_fit_small(&fit, channel, &layout, &head));
    DESY_TRY(desy_head_logits(&head, set.vectors, fit.stride, NULL, n, logits));
    rc = print(&set, weights, chosen, &head, logits);
out:
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    desy_head_close(&head);
    desy_training_set_close(&set);
    desy_world_close(&world);
    free(weights);
    free(logits);
    return rc;
}
