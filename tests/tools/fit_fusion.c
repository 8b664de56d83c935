/* fit_fusion N CHANNEL...: on stdin N times the logits of the channels and a sample weight (float64 each), then N labels (uint8).
 * On stdout the fusion, float64: bias, then weight, slope, intercept of low, mid and high; then N fused logits. */
#include "base/error.h"
#include "train/fusion.h"

#include <stdio.h>
#include <stdlib.h>

/* Cuts the weights off the logits. */
static int read_items(double *logits, double *weights, uint8_t *labels, size_t n, size_t channels)
{
    for (size_t i = 0; i < n; i++)
        if (fread(logits + i * channels, sizeof *logits, channels, stdin) != channels || fread(weights + i, sizeof *weights, 1, stdin) != 1)
            return desy_error(DESY_EDATA, "stdin is too short");
    return fread(labels, 1, n, stdin) == n ? DESY_OK : desy_error(DESY_EDATA, "stdin is too short");
}

static int print(const struct desy_ensemble *e, const double *logits, size_t n)
{
    size_t written = fwrite(&e->bias, sizeof e->bias, 1, stdout);
    for (int level = 0; level < DESY_LEVELS; level++) {
        const double of_level[] = {e->weight[level], e->slope[level], e->intercept[level]};
        written += fwrite(of_level, sizeof *of_level, 3, stdout);
    }
    for (size_t i = 0; i < n; i++) {
        const double fused = desy_ensemble_fuse(e, logits + i * (size_t)e->n);
        written += fwrite(&fused, sizeof fused, 1, stdout);
    }
    return written == 10 + n ? DESY_OK : desy_error(DESY_EENV, "stdout can't be written");
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 2 + DESY_MAX_CHANNELS) return DESY_EUSAGE;
    const size_t n = (size_t)atoll(argv[1]), channels = (size_t)argc - 2;
    struct desy_ensemble ensemble = {.n = (int)channels};
    desy_world *world = NULL;
    double *logits = malloc(n * channels * sizeof *logits), *weights = malloc(n * sizeof *weights);
    uint8_t *labels = malloc(n);
    int rc = logits && weights && labels ? DESY_OK : desy_error_memory("items");
    for (size_t i = 0; i < channels; i++)
        if (!(ensemble.heads[i].channel = desy_channel_find(argv[2 + i]))) rc = desy_error(DESY_EUSAGE, "no channel %s", argv[2 + i]);
    DESY_TRY(rc);
    DESY_TRY(desy_world_open(&world));
    DESY_TRY(read_items(logits, weights, labels, n, channels));
    struct desy_fit fit = {.world = world, .count = n, .total = n, .weights = weights, .labels = labels};
    for (size_t i = 0; i < n; i++) fit.chosen += weights[i] > 0;
    DESY_TRY(desy_fusion_fit(&fit, logits, &ensemble));
    rc = print(&ensemble, logits, n);
out:
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    desy_world_close(&world);
    free(logits);
    free(weights);
    free(labels);
    return rc;
}
