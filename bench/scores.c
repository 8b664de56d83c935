/* Seconds for reading a table of scores, all ranks together (bench/scores.py): FILE REPEATS. */
#include "bench/bench.h"
#include "eval/scores.h"

#include <math.h>

int main(int argc, char **argv)
{
    desy_world *world = NULL;
    if (argc != 3) return 1;
    bench_must(desy_world_open(&world));
    const size_t repeats = strtoul(argv[2], NULL, 10);
    double *seconds = malloc((repeats + 1) * sizeof *seconds), sum = 0;
    int64_t counts[2] = {0}; /* rows, AI */
    if (!seconds) return 2;
    for (size_t r = 0; r < repeats; r++) {
        struct desy_scores scores = {0};
        desy_barrier(world);
        const double start = bench_seconds(CLOCK_MONOTONIC);
        bench_must(desy_scores_read(world, &scores, argv[1], true));
        desy_barrier(world);
        seconds[r] = bench_seconds(CLOCK_MONOTONIC) - start;
        counts[0] = (int64_t)scores.n;
        counts[1] = 0;
        sum = 0;
        for (size_t i = 0; i < scores.n; i++) counts[1] += scores.label[i], sum += isnan(scores.score[i]) ? 0 : scores.score[i];
        desy_scores_close(&scores);
    }
    desy_sum_i64(world, counts, 2);
    if (desy_rank(world) == 0)
        printf("{\"seconds\": %.4f, \"rows\": %lld, \"ai\": %lld, \"sum_of_rank_0\": %.17g}\n", bench_median(seconds, repeats), (long long)counts[0], (long long)counts[1], sum);
    free(seconds);
    desy_world_close(&world);
    return 0;
}
