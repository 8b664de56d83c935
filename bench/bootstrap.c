/* bench_bootstrap SCORES UNITS CLIPS RESAMPLES [OUTPUT]: the clustered bootstrap of the AUC, CPU seconds of sorting and counting. SCORES: float64 (CLIPS); UNITS: uint32 (CLIPS),
 * 2 x unit + label, all units in one stratum. OUTPUT: the weights of the resamples, uint8 (RESAMPLES / 64 rounded up, units, 64), and their AUCs, float64 (RESAMPLES), for a peer to check. */
#include "bench/bench.h"

#include "base/aligned.h"
#include "eval/bootstrap.h"

#include <string.h>

static void *read_file(const char *path, size_t bytes)
{
    FILE *file = fopen(path, "re");
    void *data = malloc(bytes + 1);
    bench_must(file && data && fread(data, 1, bytes, file) == bytes ? DESY_OK : desy_error(DESY_EDATA, "%s can't be read", path));
    fclose(file);
    return data;
}

static void write_resamples(const char *path, const struct desy_units *units, const struct desy_resampled *counts, size_t resamples)
{
    FILE *file = fopen(path, "we");
    uint8_t *weights = desy_aligned_alloc(units->n * DESY_LANES), times[DESY_LANES];
    bench_must(file && weights ? DESY_OK : desy_error(DESY_EENV, "%s can't be written", path));
    for (size_t b = 0; b * DESY_LANES < resamples; b++) {
        desy_resample(units, 1, b, weights, times);
        fwrite(weights, DESY_LANES, units->n, file);
    }
    for (size_t r = 0; r < resamples; r++) {
        const double auc = desy_resampled_auc(&counts[r]);
        fwrite(&auc, sizeof auc, 1, file);
    }
    bench_must(fclose(file) == 0 ? DESY_OK : desy_error(DESY_EENV, "%s can't be written", path));
    free(weights);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fputs("usage: bench_bootstrap SCORES UNITS CLIPS RESAMPLES [OUTPUT]\n", stderr);
        return 1;
    }
    const size_t n = (size_t)atoll(argv[3]), resamples = (size_t)atoll(argv[4]);
    double *scores = read_file(argv[1], n * sizeof *scores);
    uint32_t *items = read_file(argv[2], n * sizeof *items);
    struct desy_ranked *records = malloc(n * sizeof *records);
    struct desy_resampled *counts = NULL;
    struct desy_order order = {0};
    desy_world *world = NULL;
    bench_must(desy_world_open(&world));
    uint32_t last = 0;
    for (size_t i = 0; i < n; i++) {
        records[i] = (struct desy_ranked){scores[i], items[i] >> 1, items[i] & 1};
        last = records[i].source > last ? records[i].source : last;
    }
    struct desy_units units = {.kind = DESY_UNIT_GROUPS, .n = last + 1, .n_strata = 1, .first = (size_t[]){0, last + 1}};
    const double begin = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
    bench_must(desy_order_open(world, records, n, .5, &order));
    const double sorted = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
    bench_must(desy_bootstrap_run(world, &units, &order, 1, 1, resamples, &counts));
    const double end = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
    printf("%.6f %.6f\n", sorted - begin, end - sorted);
    if (argc > 5) write_resamples(argv[5], &units, counts, resamples);
    desy_order_close(&order);
    desy_world_close(&world);
    free(scores);
    free(items);
    free(records);
    free(counts);
    return 0;
}
