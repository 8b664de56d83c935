/* bench_allreduce [REPEATS]: under mpirun, the sum of a gradient over all ranks (mpi/tree_sum.h) against a bare MPI_Allreduce of the same bytes, of the sizes of mid_transformer's and
 * high_mlp's gradients: medians, interleaved, from a common start to the last rank's end. Exit code 1 where it takes more than 1.1 times as long. */
#include "bench/bench.h"

#include "mpi/tree_sum.h"

#include <math.h>
#include <mpi.h>
#include <string.h>

enum { MOST = 2001 };

static double of_last_rank(double begin)
{
    double mine = bench_seconds(CLOCK_MONOTONIC) - begin, most;
    MPI_Allreduce(&mine, &most, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return most;
}

/* false: above the bar. */
static bool measure(desy_world *world, size_t count, int repeats)
{
    const size_t ranks = (size_t)desy_size(world);
    static double ours[MOST], theirs[MOST];
    desy_tree_sum *tree;
    float *buffer = calloc(count, sizeof *buffer), *sum = NULL;
    bench_must(buffer ? desy_tree_sum_open(&tree, world, ranks, count) : desy_error_memory("a buffer"));
    for (size_t i = 0; i < count; i++) desy_tree_sum_leaf(tree, 0)[i] = sinf((float)(i + (size_t)desy_rank(world)));
    for (int k = -3; k < repeats; k++) {
        memcpy(buffer, desy_tree_sum_leaf(tree, 0), count * sizeof *buffer);
        MPI_Barrier(MPI_COMM_WORLD);
        double begin = bench_seconds(CLOCK_MONOTONIC);
        sum = desy_tree_sum_finish(tree, ranks);
        const double tree_seconds = of_last_rank(begin);
        MPI_Barrier(MPI_COMM_WORLD);
        begin = bench_seconds(CLOCK_MONOTONIC);
        MPI_Allreduce(MPI_IN_PLACE, buffer, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        const double bare = of_last_rank(begin);
        if (k >= 0) ours[k] = tree_seconds, theirs[k] = bare;
    }
    for (size_t i = 0; i < count; i++)
        if (fabsf(sum[i] - buffer[i]) > 1e-5f) bench_must(desy_error(DESY_EDATA, "the sums differ at %zu: %g and %g", i, (double)sum[i], (double)buffer[i]));
    const double a = bench_median(ours, (size_t)repeats), b = bench_median(theirs, (size_t)repeats);
    if (desy_rank(world) == 0) printf("| %zu ranks, %.1f MB | %.3f ms | %.3f ms | %.2f (bar 1.1) |\n", ranks, 4e-6 * (double)count, 1e3 * a, 1e3 * b, a / b);
    desy_tree_sum_close(&tree);
    free(buffer);
    return a <= 1.1 * b;
}

int main(int argc, char **argv)
{
    desy_world *world = NULL;
    const int repeats = argc > 1 ? atoi(argv[1]) : 201;
    bench_must(repeats > 0 && repeats <= MOST ? DESY_OK : desy_error(DESY_EUSAGE, "1 to %d repeats", MOST));
    bench_must(desy_world_open(&world));
    if (desy_rank(world) == 0) printf("| what | desy | MPI_Allreduce | ratio |\n| --- | --- | --- | --- |\n");
    bool good = measure(world, 531073, repeats);
    good &= measure(world, 1442817, repeats);
    desy_world_close(&world);
    return good ? 0 : 1;
}
