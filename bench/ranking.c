/* AUC, average precision and ROC of N scores in memory, seconds (bench/ranking.py): N uniform|ties|equal REPEATS. The scores are made as bench/ranking.py makes them:
 * score i is a function of i. */
#include "bench/bench.h"
#include "eval/curves.h"

#include <string.h>

/* VmHWM, bytes: the most memory that this process has had. */
static double most_memory(void)
{
    char line[256];
    double kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file)) sscanf(line, "VmHWM: %lf", &kib);
    if (file) fclose(file);
    return kib * 1024;
}

/* splitmix64 (Steele, Lea & Flood, OOPSLA 2014): NumPy can make the same. */
static uint64_t bits_of(uint64_t i)
{
    uint64_t z = (i + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

int main(int argc, char **argv)
{
    desy_world *world = NULL;
    if (argc != 4) return 1;
    bench_must(desy_world_open(&world));
    const uint64_t all = strtoull(argv[1], NULL, 10), rank = (uint64_t)desy_rank(world), ranks = (uint64_t)desy_size(world);
    const int repeats = atoi(argv[3]);
    const uint64_t first = all / ranks * rank + all % ranks * rank / ranks, n = all / ranks * (rank + 1) + all % ranks * (rank + 1) / ranks - first;
    const double before = most_memory();
    float *scores = malloc((n + 1) * sizeof *scores);
    uint8_t *labels = malloc(n + 1);
    double *seconds = malloc((size_t)repeats * sizeof *seconds);
    if (!scores || !labels || !seconds) return 2;
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t bits = bits_of(first + i);
        labels[i] = bits >> 63;
        const double uniform = (double)(bits & 0xffffffff) * 0x1p-32, score = .75 * uniform + .25 * labels[i];
        scores[i] = (float)(!strcmp(argv[2], "ties") ? (double)(int)(score * 1000) / 1000 : !strcmp(argv[2], "equal") ? .5 : score);
    }
    desy_ranking ranking = {0};
    size_t n_points = 0;
    for (int r = 0; r < repeats; r++) {
        struct desy_curve_point *points = NULL;
        desy_ranking_close(&ranking);
        desy_barrier(world);
        const double start = bench_seconds(CLOCK_MONOTONIC);
        bench_must(desy_ranking_open_floats(world, scores, labels, n, &ranking));
        bench_must(desy_curves_thin(world, &ranking, &points, &n_points));
        desy_barrier(world);
        seconds[r] = bench_seconds(CLOCK_MONOTONIC) - start;
        free(points);
    }
    double memory = (most_memory() - before) / ((double)all / (double)ranks * (sizeof *scores + sizeof *labels)); /* in units of a rank's share of scores and labels */
    desy_max_f64(world, &memory, 1);
    if (rank == 0)
        printf("{\"seconds\": %.4f, \"auc\": %.17g, \"average_precision\": %.17g, \"points\": %lld, \"thinned\": %zu, \"memory\": %.3f}\n", bench_median(seconds, (size_t)repeats), ranking.auc,
               ranking.average_precision[0], (long long)ranking.all_groups, n_points, memory);
    desy_ranking_close(&ranking);
    free(scores);
    free(labels);
    free(seconds);
    desy_world_close(&world);
    return 0;
}
