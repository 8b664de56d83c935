/* The queue of the service: order, room, answers kept and forgotten, cancelling, and no job lost or answered twice with several threads at it. */
#include "serve/jobs.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct desy_job_request request_of(const char *name)
{
    return (struct desy_job_request){.name = strdup(name)};
}

/* NULL: there is no room. */
static struct desy_job *submit(desy_jobs *jobs, const char *name, bool keep, void (*notify)(void *), void *context)
{
    struct desy_job_request request = request_of(name);
    struct desy_job *job;
    bool full;
    assert_int_equal(desy_jobs_submit(jobs, &request, keep, notify, context, &job, &full), 0);
    assert_true(full == !job);
    return job;
}

static void count(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

static void test_order_and_room(void **state)
{
    (void)state;
    desy_jobs *jobs;
    struct desy_job *all[3];
    size_t waiting;
    assert_int_equal(desy_jobs_open(&jobs, 3, 60, 10), 0);
    for (int i = 0; i < 3; i++) all[i] = submit(jobs, (const char *[]){"a", "b", "c"}[i], false, NULL, NULL);
    assert_true(desy_jobs_full(jobs));
    assert_null(submit(jobs, "d", false, NULL, NULL));
    assert_int_equal(desy_jobs_state(jobs, all[2], &waiting), DESY_JOB_QUEUED);
    assert_int_equal(waiting, 2);
    for (int i = 0; i < 3; i++) {
        struct desy_job *job = desy_jobs_take(jobs, i ? 0 : .01);
        assert_ptr_equal(job, all[i]);
        assert_int_equal(desy_jobs_state(jobs, job, &waiting), DESY_JOB_RUNNING);
        desy_jobs_finish(jobs, job, strdup("{}"), true, NULL);
        assert_int_equal(desy_jobs_state(jobs, all[i], &waiting), DESY_JOB_DONE);
        assert_string_equal(all[i]->result, "{}");
        desy_jobs_release(jobs, all[i]);
    }
    assert_null(desy_jobs_take(jobs, .01));
    assert_true(desy_jobs_wait(jobs, 0));
    desy_jobs_drain(jobs);
    assert_true(desy_jobs_drained(jobs));
    assert_null(submit(jobs, "e", false, NULL, NULL));
    desy_jobs_close(&jobs);
}

static void test_kept_and_forgotten(void **state)
{
    (void)state;
    desy_jobs *jobs;
    char ids[3][DESY_JOB_ID];
    assert_int_equal(desy_jobs_open(&jobs, 10, .05, 2), 0);
    for (int i = 0; i < 3; i++) {
        struct desy_job *job = submit(jobs, "a", true, NULL, NULL);
        assert_int_equal(strlen(strcpy(ids[i], job->id)), 32);
        desy_jobs_release(jobs, job);
        desy_jobs_finish(jobs, desy_jobs_take(jobs, .01), strdup("{}"), true, NULL);
    }
    assert_true(strcmp(ids[0], ids[1]) != 0 && strcmp(ids[1], ids[2]) != 0);
    assert_null(desy_jobs_find(jobs, ids[0])); /* made room for the third */
    for (int i = 1; i < 3; i++) desy_jobs_release(jobs, desy_jobs_find(jobs, ids[i]));
    assert_int_equal(desy_jobs_count(jobs).kept, 2);
    usleep(80000);
    desy_jobs_forget(jobs);
    assert_int_equal(desy_jobs_count(jobs).kept, 0);
    desy_jobs_release(jobs, submit(jobs, "b", true, NULL, NULL));
    desy_jobs_release(jobs, submit(jobs, "c", true, NULL, NULL));
    assert_null(submit(jobs, "d", true, NULL, NULL)); /* neither is at its end: nothing can be forgotten */
    desy_jobs_close(&jobs);
}

static void test_cancel(void **state)
{
    (void)state;
    desy_jobs *jobs;
    atomic_int notified = 0;
    char path[] = "/tmp/desy-jobs-XXXXXX";
    close(mkstemp(path));
    assert_int_equal(desy_jobs_open(&jobs, 10, 60, 10), 0);
    struct desy_job *a = submit(jobs, "a", false, count, &notified), *b;
    struct desy_job_request request = {.name = strdup("b"), .path = strdup(path)};
    bool full;
    assert_int_equal(desy_jobs_submit(jobs, &request, false, count, &notified, &b, &full), 0);
    struct desy_job *running = desy_jobs_take(jobs, .01);
    desy_jobs_cancel(jobs, b);
    assert_int_equal(access(path, F_OK), -1); /* its video is gone, and so is its place */
    assert_null(desy_jobs_take(jobs, .01));
    desy_jobs_cancel(jobs, a);
    assert_int_equal(notified, 2);
    desy_jobs_finish(jobs, running, strdup("{}"), true, NULL);
    assert_int_equal(notified, 2); /* an answer that nobody waits for */
    assert_null(a->result);
    desy_jobs_cancel(jobs, a);
    assert_int_equal(notified, 2);
    desy_jobs_release(jobs, a);
    desy_jobs_release(jobs, b);
    desy_jobs_close(&jobs);
}

enum { CLIENTS = 4, EACH = 500 };

static void *work(void *context)
{
    desy_jobs *jobs = context;
    struct desy_job *job;
    while ((job = desy_jobs_take(jobs, 5))) {
        struct desy_job *ahead = desy_jobs_take(jobs, 0);
        desy_jobs_finish(jobs, job, strdup("{}"), true, NULL);
        if (ahead) desy_jobs_finish(jobs, ahead, strdup("{}"), true, NULL);
    }
    return NULL;
}

struct client {
    desy_jobs *jobs;
    atomic_int notified;
    int submitted;
};

static void *ask(void *context)
{
    struct client *client = context;
    for (int i = 0; i < EACH; i++) {
        struct desy_job_request request = request_of("a");
        struct desy_job *job;
        bool full;
        if (desy_jobs_submit(client->jobs, &request, i % 3 == 0, count, &client->notified, &job, &full) != 0 || full) continue;
        client->submitted++;
        if (i % 5 == 0) desy_jobs_cancel(client->jobs, job);
        desy_jobs_release(client->jobs, job);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    desy_jobs *jobs;
    pthread_t workers[3], threads[CLIENTS];
    struct client clients[CLIENTS] = {0};
    assert_int_equal(desy_jobs_open(&jobs, 50, 60, 100), 0);
    for (int i = 0; i < 3; i++) pthread_create(&workers[i], NULL, work, jobs);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].jobs = jobs;
        pthread_create(&threads[i], NULL, ask, &clients[i]);
    }
    for (int i = 0; i < CLIENTS; i++) pthread_join(threads[i], NULL);
    const bool idle = desy_jobs_wait(jobs, 30);
    desy_jobs_drain(jobs);
    for (int i = 0; i < 3; i++) pthread_join(workers[i], NULL);
    assert_true(idle);
    int submitted = 0;
    for (int i = 0; i < CLIENTS; i++) {
        submitted += clients[i].submitted;
        assert_int_equal(clients[i].notified, clients[i].submitted); /* each once */
    }
    assert_true(submitted >= 50);
    assert_int_equal(desy_jobs_count(jobs).queued + desy_jobs_count(jobs).running, 0);
    desy_jobs_close(&jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order_and_room), cmocka_unit_test(test_kept_and_forgotten), cmocka_unit_test(test_cancel), cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
