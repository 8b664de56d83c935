#include "eval/mmd.h"

#include "base/error.h"
#include "base/random.h"
#include "eval/interval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void square_distances(const double *x, size_t n, const double *y, size_t m, size_t columns, double *distances)
{
    const size_t all = n + m;
    for (size_t i = 0; i < all; i++)
        for (size_t j = 0; j <= i; j++) {
            const double *a = i < n ? x + i * columns : y + (i - n) * columns, *b = j < n ? x + j * columns : y + (j - n) * columns;
            double sum = 0;
            for (size_t k = 0; k < columns; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);
            distances[i * all + j] = distances[j * all + i] = sum;
        }
}

/* Of the distances of two, room (all (all - 1) / 2). */
static double median_distance(const double *squares, size_t all, double *room)
{
    size_t n = 0;
    for (size_t i = 0; i < all; i++)
        for (size_t j = 0; j < i; j++) room[n++] = sqrt(squares[i * all + j]);
    qsort(room, n, sizeof *room, desy_ascending);
    return (room[(n - 1) / 2] + room[n / 2]) / 2;
}

/* in[all]: 1 for the first set, 0 for the second; kernel (all, all) with 0 on its diagonal, total its sum; room (all). */
static double discrepancy(const double *kernel, double total, const uint8_t *in, size_t n, size_t m, double *room)
{
    const size_t all = n + m;
    const double a = (double)n, b = (double)m;
    double sums[2] = {0};
    memset(room, 0, all * sizeof *room);
    for (size_t i = 0; i < all; i++)
        for (size_t j = 0; in[i] && j < all; j++) room[j] += kernel[i * all + j];
    for (size_t j = 0; j < all; j++) sums[in[j]] += room[j];
    return sums[1] / (a * (a - 1)) + (total - sums[1] - 2 * sums[0]) / (b * (b - 1)) - 2 * sums[0] / (a * b);
}

static int permute(const double *kernel, double total, size_t n, size_t m, uint64_t seed, uint64_t stream, double *room, struct desy_mmd *test)
{
    const size_t all = n + m;
    uint8_t *in = malloc(all);
    uint32_t *order = malloc(all * sizeof *order);
    int reached = 0, rc = in && order ? DESY_OK : desy_error_memory("a two-sample test");
    for (size_t i = 0; in && i < all; i++) in[i] = i < n;
    if (rc == DESY_OK) test->squared = discrepancy(kernel, total, in, n, m, room);
    for (int k = 0; rc == DESY_OK && k < DESY_MMD_PERMUTATIONS; k++) {
        desy_random_permutation(seed, stream + (uint64_t)k, all, order);
        for (size_t i = 0; i < all; i++) in[order[i]] = i < n;
        reached += discrepancy(kernel, total, in, n, m, room) >= test->squared;
    }
    test->p = (1. + reached) / (1. + DESY_MMD_PERMUTATIONS);
    free(in);
    free(order);
    return rc;
}

int desy_mmd_test(const double *x, size_t n, const double *y, size_t m, size_t columns, uint64_t seed, uint64_t stream, struct desy_mmd *test)
{
    const size_t all = n + m;
    double *kernel = malloc(all * all * sizeof *kernel), *room = malloc(all * all * sizeof *room), total = 0;
    int rc = DESY_OK;
    *test = (struct desy_mmd){.p = 1};
    if (!kernel || !room) DESY_TRY(desy_error_memory("a two-sample test"));
    square_distances(x, n, y, m, columns, kernel);
    test->bandwidth = median_distance(kernel, all, room);
    if (!(test->bandwidth > 0)) goto out; /* most of them are one vector */
    for (size_t i = 0; i < all * all; i++) {
        kernel[i] = i % (all + 1) == 0 ? 0 : exp(-kernel[i] / (2 * test->bandwidth * test->bandwidth));
        total += kernel[i];
    }
    rc = permute(kernel, total, n, m, seed, stream, room, test);
out:
    free(kernel);
    free(room);
    return rc;
}
