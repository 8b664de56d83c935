/* What the programs here share: clocks, order statistics, and giving up. */
#ifndef DESY_BENCH_BENCH_H
#define DESY_BENCH_BENCH_H

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Of CLOCK_MONOTONIC or CLOCK_PROCESS_CPUTIME_ID. */
static inline double bench_seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline void bench_must(int rc)
{
    if (rc == DESY_OK) return;
    fprintf(stderr, "bench: %s\n", desy_error_message());
    exit(2);
}

static inline int bench_compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the values; the middle one. */
static inline double bench_median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, bench_compare);
    return values[n / 2];
}

#endif
