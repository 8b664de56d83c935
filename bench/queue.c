/* The task queue measured (docs/performance.md): how many empty tasks the manager hands out, by real ranks; and, by a simulated clock, how close
 * 1,024 ranks come to the best possible time with the code that production runs: blocks and bundles of stages/extract_plan.c, the policy of
 * mpi/schedule.c. Exits with 1 below the bars. */
#include "bench/bench.h"
#include "base/random.h"
#include "features/dataset.h"
#include "mpi/queue.h"
#include "mpi/schedule.h"
#include "stages/extract_plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is charged: a message takes 1 ms (both sides sleep up to that long while they wait), the manager 20 us a task (50,000 a second). */
#define LATENCY 1e-3
#define SERVICE 20e-6
#define SLOW 3.0
enum { RANKS = 1024, REPEATS = 5 };

/* ---- real ranks, empty tasks ---- */

static int nothing(void *context, uint64_t task, const void *payload, size_t bytes)
{
    (void)context, (void)task, (void)payload, (void)bytes;
    return DESY_OK;
}

static bool measure_rate(desy_world *world)
{
    enum { N = 200000 };
    uint64_t *order = malloc(N * sizeof *order);
    double rates[REPEATS];
    const struct desy_queue queue = {.run = nothing};
    for (uint64_t i = 0; i < N; i++) order[i] = i;
    for (int r = 0; r < REPEATS; r++) {
        desy_barrier(world);
        const double started = bench_seconds(CLOCK_MONOTONIC);
        bench_must(desy_queue_run(world, &queue, order, NULL, desy_rank(world) == 0 ? N : 0));
        rates[r] = N / (bench_seconds(CLOCK_MONOTONIC) - started);
    }
    free(order);
    const double rate = bench_median(rates, REPEATS);
    if (desy_rank(world) == 0)
        printf("| manager, empty tasks, %d ranks | %.0f tasks/s (%.0f to %.0f) | >= 50000 | %s | | |\n", desy_size(world), rate, rates[0], rates[REPEATS - 1],
               rate >= 50000 ? "ok" : "BELOW");
    return rate >= 50000;
}

/* ---- a simulated clock ---- */

struct event { /* a finished task's message at the manager's door */
    double time, seconds;
    uint64_t task;
    int rank;
};

struct heap {
    struct event *events;
    size_t count;
};

static void push(struct heap *heap, struct event event)
{
    size_t i = heap->count++;
    for (; i > 0 && heap->events[(i - 1) / 2].time > event.time; i = (i - 1) / 2) heap->events[i] = heap->events[(i - 1) / 2];
    heap->events[i] = event;
}

static struct event pop(struct heap *heap)
{
    const struct event first = heap->events[0], last = heap->events[--heap->count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < heap->count; i = child) {
        if (child + 1 < heap->count && heap->events[child + 1].time < heap->events[child].time) child++;
        if (heap->events[child].time >= last.time) break;
        heap->events[i] = heap->events[child];
    }
    heap->events[i] = last;
    return first;
}

/* The makespan; truth[n]: seconds of each task on an ordinary rank; slow: the rank that takes longer, -1: none. */
static double simulate(const double *estimates, const double *truth, uint64_t n, int ranks, int slow)
{
    desy_schedule *schedule;
    struct heap heap = {malloc(((size_t)ranks * DESY_SCHEDULE_AHEAD + 1) * sizeof *heap.events), 0};
    double *free_at = calloc((size_t)ranks, sizeof *free_at), manager = 0, end = 0;
    uint64_t done = 0;
    bench_must(desy_schedule_open(&schedule, estimates, n, ranks));
    for (int begun = 0; begun < ranks || heap.count > 0;) {
        int rank = begun;
        if (begun < ranks) begun++;
        else {
            const struct event event = pop(&heap);
            rank = event.rank;
            manager = fmax(manager, event.time) + SERVICE;
            desy_schedule_done(schedule, rank, event.task, event.seconds);
            done++;
        }
        for (uint64_t task; (task = desy_schedule_next(schedule, rank, manager)) < n;) {
            const double seconds = truth[task] * (rank == slow ? SLOW : 1);
            manager += SERVICE;
            free_at[rank] = fmax(free_at[rank], manager + LATENCY) + seconds;
            end = fmax(end, free_at[rank]);
            push(&heap, (struct event){free_at[rank] + LATENCY, seconds, task, rank});
        }
    }
    if (done != n) fprintf(stderr, "bench/queue: %llu of %llu tasks were done\n", (unsigned long long)done, (unsigned long long)n), exit(2);
    desy_schedule_close(&schedule);
    free(heap.events);
    free(free_at);
    return end;
}

/* No schedule is shorter: all work at the speed of all ranks together, or the longest piece on an ordinary rank. */
static double bound(const double *truth, uint64_t n, int ranks, int slow)
{
    double sum = 0, longest = 0;
    for (uint64_t i = 0; i < n; i++) sum += truth[i], longest = fmax(longest, truth[i]);
    return fmax(sum / (ranks - (slow >= 0 ? 1 - 1 / SLOW : 0)), longest);
}

/* Fixed shares: task i to rank i modulo P, in the order given; or each to the rank that has least by estimate, costliest first. */
static double fixed(const double *estimates, const double *truth, uint64_t n, int ranks, int slow, bool even)
{
    double *load = calloc((size_t)ranks, sizeof *load), *time = calloc((size_t)ranks, sizeof *time), end = 0;
    for (uint64_t i = 0; i < n; i++) {
        int rank = (int)(i % (uint64_t)ranks);
        for (int r = 0; even && r < ranks; r++)
            if (load[r] < load[rank]) rank = r;
        load[rank] += estimates[i];
        time[rank] += truth[i] * (rank == slow ? SLOW : 1);
        end = fmax(end, time[rank]);
    }
    free(load);
    free(time);
    return end;
}

/* Lognormal with mean `mean`, and what an estimate that is wrong by `error` says of it. */
static double truth_of(uint64_t seed, uint64_t i, double sigma, double mean)
{
    return mean * exp(sigma * desy_random_normal(seed, 1, i) - sigma * sigma / 2);
}

static double estimate_of(double truth, uint64_t seed, uint64_t i, double error)
{
    return truth * exp(error * desy_random_normal(seed, 2, i));
}

struct pair {
    double estimate, truth;
};

static int costlier(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return (x->estimate < y->estimate) - (x->estimate > y->estimate);
}

/* ratio: simulated; round, even: static shares; worst over the seeds. */
struct ratios {
    double simulated[64], round, even, longest; /* longest: share of the bound that the longest piece is */
    int n;
};

static void compare(struct ratios *ratios, const double *estimates, const double *truth, uint64_t n, int slow)
{
    const double best = bound(truth, n, RANKS, slow);
    double longest = 0;
    for (uint64_t i = 0; i < n; i++) longest = fmax(longest, truth[i]);
    ratios->simulated[ratios->n++] = simulate(estimates, truth, n, RANKS, slow) / best;
    ratios->round = fmax(ratios->round, fixed(estimates, truth, n, RANKS, slow, false) / best);
    ratios->even = fmax(ratios->even, fixed(estimates, truth, n, RANKS, slow, true) / best);
    ratios->longest = fmax(ratios->longest, longest / best);
}

/* bar: 0: none. */
static bool print(struct ratios *ratios, const char *what, double bar)
{
    qsort(ratios->simulated, (size_t)ratios->n, sizeof(double), bench_compare);
    const double worst = ratios->simulated[ratios->n - 1];
    const bool ok = bar == 0 || worst <= bar;
    printf("| %s | median %.4f, worst of %d %.4f | ", what, ratios->simulated[ratios->n / 2], ratios->n, worst);
    if (bar > 0) printf("<= %.2f | %s | ", bar, ok ? "ok" : "ABOVE");
    else printf("| | ");
    printf("%.2f, %.2f | %.2f |\n", ratios->round, ratios->even, ratios->longest);
    fflush(stdout);
    return ok;
}

/* 20 tasks a rank. slow: which rank in seed s. */
static bool hard_case(const char *what, double sigma, double error, int a_slow_one, double bar)
{
    enum { N = 20 * RANKS, SEEDS = 20 };
    struct ratios ratios = {0};
    struct pair *pairs = malloc(N * sizeof *pairs);
    double *estimates = malloc(N * sizeof *estimates), *truth = malloc(N * sizeof *truth);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (uint64_t i = 0; i < N; i++) {
            pairs[i].truth = truth_of(seed, i, sigma, 4);
            pairs[i].estimate = error < 0 ? 1 : estimate_of(pairs[i].truth, seed, i, error);
        }
        if (error >= 0) qsort(pairs, N, sizeof *pairs, costlier);
        for (uint64_t i = 0; i < N; i++) estimates[i] = pairs[i].estimate, truth[i] = pairs[i].truth;
        /* Any rank may be the slow one; rank 0, which is asked first, every other time. */
        const int slow = !a_slow_one ? -1 : seed % 2 ? 0 : (int)(desy_random_u64(seed, 3, 0) % RANKS);
        compare(&ratios, estimates, truth, N, slow);
    }
    free(pairs);
    free(estimates);
    free(truth);
    return print(&ratios, what, bar);
}

/* A list of `items` videos, with estimates as the data set gives them, planned as desy extract plans it. */
static bool extraction(const char *what, size_t items, double sigma, double error, int a_slow_one, double bar)
{
    struct ratios ratios = {0};
    const struct desy_shard all = {1, 1};
    const struct desy_store_shape shape = {.extractor = "hybrid", .frames = 16, .dims = 2048};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct desy_extract_plan plan;
        desy_dataset *dataset;
        char path[] = "/tmp/desy-bench-XXXXXX.jsonl";
        FILE *list = fdopen(mkstemps(path, 6), "w");
        for (size_t i = 0; i < items; i++) {
            fprintf(list, "{\"video_path\": \"%zu.mp4\"", i);
            if (error >= 0) fprintf(list, ", \"bytes\": %.0f", 1 + 1e6 * estimate_of(truth_of(seed, i, sigma, 1), seed, i, error));
            fputs("}\n", list);
        }
        fclose(list);
        bench_must(desy_dataset_open(&dataset, path, false));
        unlink(path);
        const double started = bench_seconds(CLOCK_MONOTONIC);
        bench_must(desy_extract_plan_open(&plan, dataset, 1, &shape, &all));
        bench_must(desy_extract_plan_tasks(&plan, RANKS, 1, false));
        if (seed == 1 && bar > 0) printf("| plan of %zu items: %zu blocks, %zu tasks | %.2f s | | | | |\n", items, plan.blocks.count, plan.task_count, bench_seconds(CLOCK_MONOTONIC) - started);
        double *estimates = calloc(plan.task_count, sizeof *estimates), *truth = calloc(plan.task_count, sizeof *truth);
        for (size_t t = 0; t < plan.task_count; t++) {
            estimates[t] = plan.tasks[t].cost;
            for (size_t b = 0; b < plan.tasks[t].count; b++) {
                const uint64_t block = plan.mine[plan.tasks[t].first + b].block;
                const size_t first = desy_block_first(&plan.blocks, block);
                for (size_t i = first; i < first + desy_block_items(&plan.blocks, block); i++) truth[t] += truth_of(seed, i, sigma, .25);
            }
        }
        compare(&ratios, estimates, truth, plan.task_count, a_slow_one ? (seed % 2 ? 0 : 777) : -1);
        free(estimates);
        free(truth);
        desy_extract_plan_close(&plan);
        desy_dataset_close(&dataset);
    }
    return print(&ratios, what, bar);
}

/* queue rate: under mpirun; queue: the simulation, alone. */
int main(int argc, char **argv)
{
    bool ok = true;
    if (argc == 2 && strcmp(argv[1], "rate") == 0) {
        desy_world *world;
        bench_must(desy_world_open(&world));
        ok = measure_rate(world);
        desy_world_close(&world);
        return !ok;
    }
    ok &= extraction("10^6 items, sigma 1.5, 30 % error", 1000000, 1.5, .3, false, 1.01);
    ok &= extraction("10^6 items, one rank 3x slow", 1000000, 1.5, .3, true, 1.01);
    ok &= extraction("10^6 items, no estimates, sigma 1.0", 1000000, 1, -1, false, 0);
    ok &= extraction("10^5 items, sigma 1.0, 30 % error", 100000, 1, .3, true, 0);
    ok &= hard_case("20 tasks a rank, sigma 1.5, 30 % error, one 3x slow", 1.5, .3, true, 1.05);
    ok &= hard_case("20 tasks a rank, sigma 1.5, 30 % error, all alike", 1.5, .3, false, 0);
    ok &= hard_case("20 tasks a rank, sigma 0.5, 30 % error, one 3x slow", .5, .3, true, 0);
    ok &= hard_case("20 tasks a rank, sigma 0.5, no estimates, one 3x slow", .5, -1, true, 0);
    return !ok;
}
