#include "mpi/queue.h"
#include "mpi/signals.h"
#include "tests/mpi/check.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

enum { MOST = 200 };

struct test {
    uint64_t n;
    size_t payload;      /* bytes, from task 1 on; task 0 has none */
    int fail_rank;       /* this rank fails at its first task */
    uint64_t fail_task;  /* describing this one fails */
    int64_t stop_after;  /* this rank wants to stop after so many of its tasks, */
    int stop_rank;       /* this one */
    int64_t pause_us;
    int64_t ran[MOST], announced[MOST], mine; /* mine: tasks run here */
    pthread_t main_thread;
    bool foreign;
};

static unsigned char pattern(uint64_t task, size_t i)
{
    return (unsigned char)(task * 31 + i * 7 + (i >> 12));
}

static int describe(void *context, uint64_t task, void **payload, size_t *bytes)
{
    struct test *test = context;
    test->foreign = test->foreign || !pthread_equal(pthread_self(), test->main_thread) || desy_rank(world) != 0;
    if (task == test->fail_task) return desy_error(DESY_EDATA, "task %d cannot be described", (int)task);
    *bytes = task ? test->payload : 0;
    *payload = *bytes ? malloc(*bytes) : NULL;
    for (size_t i = 0; i < *bytes; i++) ((unsigned char *)*payload)[i] = pattern(task, i);
    return DESY_OK;
}

static int run_task(void *context, uint64_t task, const void *payload, size_t bytes)
{
    struct test *test = context;
    const struct timespec pause = {.tv_nsec = 1000 * test->pause_us};
    if (test->fail_rank == desy_rank(world)) return desy_error(DESY_EENV, "rank %d failed", desy_rank(world));
    if (bytes != (task ? test->payload : 0)) return desy_error(DESY_EUSAGE, "a payload of another size");
    for (size_t i = 0; i < bytes; i++)
        if (((const unsigned char *)payload)[i] != pattern(task, i)) return desy_error(DESY_EUSAGE, "a payload was damaged");
    if (pause.tv_nsec) nanosleep(&pause, NULL);
    test->ran[task]++;
    __atomic_add_fetch(&test->mine, 1, __ATOMIC_SEQ_CST);
    return DESY_OK;
}

static void done(void *context, uint64_t task, int rank)
{
    struct test *test = context;
    test->foreign = test->foreign || !pthread_equal(pthread_self(), test->main_thread) || rank < 0 || rank >= desy_size(world);
    test->announced[task]++;
}

static bool stop(void *context)
{
    struct test *test = context;
    return desy_rank(world) == test->stop_rank && __atomic_load_n(&test->mine, __ATOMIC_SEQ_CST) >= test->stop_after;
}

static struct test fresh(uint64_t n)
{
    return (struct test){.n = n, .fail_rank = -1, .fail_task = UINT64_MAX, .stop_rank = -1, .pause_us = 200, .main_thread = pthread_self()};
}

/* Runs it; afterwards ran[] holds the sum over all ranks, everywhere. */
static int run(struct test *test)
{
    const struct desy_queue queue = {.context = test, .describe = describe, .run = run_task, .done = done, .stop = stop};
    uint64_t order[MOST];
    for (uint64_t i = 0; i < test->n; i++) order[i] = test->n - 1 - i;
    bool first = desy_rank(world) == 0;
    int rc = desy_queue_run(world, &queue, first ? order : NULL, NULL, first ? test->n : 0);
    check(!test->foreign);
    desy_sum_i64(world, test->ran, MOST);
    return rc;
}

static void check_all_once(struct test *test)
{
    check(run(test) == DESY_OK);
    for (uint64_t i = 0; i < MOST; i++) {
        check(test->ran[i] == (i < test->n));
        if (desy_rank(world) == 0) check(test->announced[i] == (i < test->n));
    }
}

static void test_complete(void)
{
    const uint64_t numbers[] = {0, 1, 2, 3, MOST}; /* 0 and fewer tasks than ranks as well */
    for (int i = 0; i < 5; i++) {
        struct test test = fresh(numbers[i]);
        check_all_once(&test);
    }
    struct test large = fresh(12);
    large.payload = 5000001;
    check_all_once(&large);
    /* No payload at all, nobody to tell. */
    struct test bare = fresh(MOST);
    uint64_t order[MOST];
    for (uint64_t i = 0; i < MOST; i++) order[i] = i;
    const struct desy_queue queue = {.context = &bare, .run = run_task};
    check(desy_queue_run(world, &queue, order, NULL, desy_rank(world) == 0 ? MOST : 0) == DESY_OK);
    desy_sum_i64(world, bare.ran, MOST);
    for (int i = 0; i < MOST; i++) check(bare.ran[i] == 1);
}

static void test_failing_rank(void)
{
    for (int r = 0; r < desy_size(world); r++) {
        char expected[32];
        struct test test = fresh(MOST);
        test.fail_rank = r;
        test.pause_us = 2000; /* so that every rank gets a task */
        snprintf(expected, sizeof expected, "rank %d failed", r);
        check(run(&test) == DESY_EENV);
        check(strcmp(desy_error_message(), expected) == 0);
        for (int i = 0; i < MOST; i++) check(test.ran[i] <= 1);
        check(test.ran[0] == 0); /* the last of the order */
    }
}

static void test_failing_description(void)
{
    struct test test = fresh(20);
    test.fail_task = 10;
    check(run(&test) == DESY_EDATA);
    check(strcmp(desy_error_message(), "task 10 cannot be described") == 0);
    for (int i = 0; i < 20; i++) check(test.ran[i] == (i > 10)); /* what was handed out before is done */
}

/* Any rank may be the one that is told to stop. What is in work is finished and announced; nothing is lost or done twice. */
static void test_stop(void)
{
    for (int r = 0; r < desy_size(world); r++) {
        struct test test = fresh(MOST);
        test.pause_us = 2000;
        test.stop_rank = r;
        test.stop_after = 3;
        check(run(&test) == DESY_EINTERRUPTED);
        check(strstr(desy_error_message(), "interrupted"));
        int64_t ran = 0;
        for (int i = 0; i < MOST; i++) {
            check(test.ran[i] <= 1);
            if (desy_rank(world) == 0) check(test.announced[i] == test.ran[i]);
            ran += test.ran[i];
        }
        check(ran >= 3 && ran < MOST);
    }
}

static void test_signal(void)
{
    desy_signals_install();
    check(!desy_interrupted());
    check(raise(SIGUSR2) == 0 && desy_interrupted());
    check(raise(SIGUSR2) == 0); /* again: still not the end */
}

int main(void)
{
    check(desy_world_open(&world) == DESY_OK);
    test_complete();
    test_failing_rank();
    test_failing_description();
    test_stop();
    test_signal();
    desy_world_close(&world);
    return 0;
}
