/* The policy of the queue, driven by hand. bench/queue.c measures what it is worth. */
#include "mpi/schedule.h"
#include "base/error.h"
#include "tests/unit/unit.h"

#include <math.h>

#define END DESY_SCHEDULE_END
#define WAIT DESY_SCHEDULE_WAIT

static desy_schedule *opened(const double *costs, uint64_t n, int ranks)
{
    desy_schedule *schedule;
    assert_int_equal(desy_schedule_open(&schedule, costs, n, ranks), DESY_OK);
    return schedule;
}

static void long_tasks_go_out_one_at_a_time_in_order(void **state)
{
    (void)state;
    desy_schedule *schedule = opened(NULL, 5, 2);
    assert_int_equal(desy_schedule_next(schedule, 0, 0), 0);
    assert_int_equal(desy_schedule_next(schedule, 0, 0), WAIT);
    assert_int_equal(desy_schedule_next(schedule, 1, 0), 1);
    desy_schedule_done(schedule, 1, 1, 2.0);
    assert_int_equal(desy_schedule_next(schedule, 1, 2), 2);
    assert_int_equal(desy_schedule_next(schedule, 1, 2), WAIT);
    desy_schedule_done(schedule, 0, 0, 3.0);
    assert_int_equal(desy_schedule_next(schedule, 0, 3), 3);
    desy_schedule_done(schedule, 0, 3, 3.0);
    assert_int_equal(desy_schedule_next(schedule, 0, 6), 4);
    assert_int_equal(desy_schedule_left(schedule), 0);
    assert_int_equal(desy_schedule_next(schedule, 1, 6), END);
    desy_schedule_close(&schedule);
}

/* As many as fill a tenth of a second, fewer at the end. */
static void short_tasks_go_out_ahead(void **state)
{
    (void)state;
    enum { N = 1000 };
    const double seconds[] = {.0001, .03}, most[] = {DESY_SCHEDULE_AHEAD, 3};
    for (int k = 0; k < 2; k++) {
        desy_schedule *schedule = opened(NULL, N, 2);
        uint64_t task = desy_schedule_next(schedule, 0, 0), last[DESY_SCHEDULE_AHEAD];
        assert_int_equal(task, 0);
        desy_schedule_done(schedule, 0, task, seconds[k]);
        for (int i = 0; i < most[k]; i++) assert_int_equal(last[i] = desy_schedule_next(schedule, 0, 1), i + 1);
        assert_int_equal(desy_schedule_next(schedule, 0, 1), WAIT);
        assert_int_equal(desy_schedule_in_hand(schedule, 0), (int)most[k]);
        for (int i = 0; i < most[k]; i++) desy_schedule_done(schedule, 0, last[i], seconds[k]);
        while (desy_schedule_left(schedule) > 3) desy_schedule_done(schedule, 0, desy_schedule_next(schedule, 0, 2), seconds[k]);
        assert_true(desy_schedule_next(schedule, 0, 2) < N);
        assert_int_equal(desy_schedule_next(schedule, 0, 2), WAIT); /* two left, for two ranks */
        desy_schedule_close(&schedule);
    }
}

enum { RANKS = 4, TASKS = 60 };

/* Costs 100, 40, 39, ... down to ones; rank 3 takes three times as long. */
static void a_slow_rank_gets_no_long_task_late(void **state)
{
    (void)state;
    double costs[TASKS], free_at[RANKS] = {0}, end = 0;
    uint64_t in_work[RANKS], first[RANKS];
    int times[TASKS] = {0}, of_slow = 0;
    for (int i = 0; i < TASKS; i++) costs[i] = i == 0 ? 100 : i < 30 ? 41 - i : 1;
    desy_schedule *schedule = opened(costs, TASKS, RANKS);
    for (int r = 0; r < RANKS; r++) {
        first[r] = in_work[r] = desy_schedule_next(schedule, r, 0);
        assert_true(costs[first[r]] == 1); /* nobody knows who is slow */
        free_at[r] = costs[in_work[r]] * (r == 3 ? 3 : 1);
    }
    for (;;) {
        int r = 0;
        for (int i = 1; i < RANKS; i++)
            if (free_at[i] < free_at[r]) r = i;
        if (free_at[r] == INFINITY) break;
        const double factor = r == 3 ? 3 : 1;
        times[in_work[r]]++;
        end = free_at[r] > end ? free_at[r] : end;
        of_slow += r == 3;
        if (r == 3) assert_true(costs[in_work[r]] < 60);
        desy_schedule_done(schedule, r, in_work[r], costs[in_work[r]] * factor);
        in_work[r] = desy_schedule_next(schedule, r, free_at[r]);
        free_at[r] = in_work[r] == END ? INFINITY : free_at[r] + costs[in_work[r]] * factor;
    }
    for (int i = 0; i < TASKS; i++) assert_int_equal(times[i], 1);
    assert_true(of_slow >= 5); /* it works, too */
    double sum = 0;
    for (int i = 0; i < TASKS; i++) sum += costs[i];
    assert_true(end < 1.1 * sum / (RANKS - 1 + 1. / 3)); /* the speed of all together */
    desy_schedule_close(&schedule);
}

/* Estimates of 0 (work that is done already) teach nothing, divide by nothing, and go last. */
static void tasks_without_work(void **state)
{
    (void)state;
    const double costs[8] = {5, 4, 0, 0, 0, 0, 0, 0};
    for (int ranks = 1; ranks <= 3; ranks++) {
        desy_schedule *schedule = opened(costs, 8, ranks);
        for (uint64_t i = 0; i < 8; i++) {
            assert_int_equal(desy_schedule_next(schedule, 0, (double)i), i);
            desy_schedule_done(schedule, 0, i, 0);
        }
        for (int r = 0; r < ranks; r++) assert_int_equal(desy_schedule_next(schedule, r, 9), END);
        desy_schedule_close(&schedule);
    }
    desy_schedule *none = opened(NULL, 0, 2);
    assert_int_equal(desy_schedule_next(none, 1, 0), END);
    desy_schedule_close(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_tasks_go_out_one_at_a_time_in_order), cmocka_unit_test(short_tasks_go_out_ahead),
        cmocka_unit_test(a_slow_rank_gets_no_long_task_late), cmocka_unit_test(tasks_without_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
