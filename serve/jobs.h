/* What the service was asked to score: a queue of bounded length, and the answers until they are fetched or forgotten. Thread-safe; only a job's `request` and `id`, which
 * never change, may be read without asking. */
#ifndef DESY_SERVE_JOBS_H
#define DESY_SERVE_JOBS_H

#include <stdbool.h>
#include <stddef.h>

#define DESY_JOB_ID 33 /* 128 random bits in hexadecimal digits, and a NUL */

enum desy_job_state { DESY_JOB_QUEUED, DESY_JOB_RUNNING, DESY_JOB_DONE, DESY_JOB_CANCELLED };
const char *desy_job_state_name(enum desy_job_state state); /* "queued", "running", "done", "cancelled" */

struct desy_job_request {
    char *path, *name, *text; /* the spooled video, which the job removes at its end; what its sender calls it; a prompt or caption, NULL: none */
    bool timeline, explain;
};

struct desy_job {
    char id[DESY_JOB_ID];
    struct desy_job_request request;
    enum desy_job_state state;
    char *result;                      /* done: one JSON object, as desy detect --json prints it; NULL: the service failed, as `failure` says */
    bool scored;                       /* done: the video has a score */
    char *failure;
    double submitted, started, ended;  /* monotonic seconds */
    int references;
    void (*notify)(void *context);     /* called once, when it is done or cancelled; by whichever thread, without a lock */
    void *context;
    bool kept;                         /* its answer waits to be fetched */
    struct desy_job *next;             /* of the queue */
    struct desy_job *older, *newer;    /* of all jobs that desy_jobs_find knows */
};

typedef struct desy_jobs desy_jobs;

/* room: jobs that may wait; keep: seconds that an answer waits to be fetched; most_kept: jobs that desy_jobs_find knows at a time. DESY_EENV. */
int desy_jobs_open(desy_jobs **jobs, size_t room, double keep, size_t most_kept);
/* Takes the request over, also where it fails, and removes its file. *job: a reference for the caller, who releases it. keep: its answer can be fetched by id. *full: no room (DESY_OK, *job NULL).
 * DESY_EENV: memory, randomness. */
int desy_jobs_submit(desy_jobs *jobs, struct desy_job_request *request, bool keep, void (*notify)(void *), void *context, struct desy_job **job, bool *full);
bool desy_jobs_full(desy_jobs *jobs);
/* The oldest that waits, for a worker; NULL: none came within `seconds`. With 0 seconds none is given that an idle worker would take. The worker ends it by desy_jobs_finish. */
struct desy_job *desy_jobs_take(desy_jobs *jobs, double seconds);
/* result, failure: taken over. A cancelled job stays so. */
void desy_jobs_finish(desy_jobs *jobs, struct desy_job *job, char *result, bool scored, char *failure);
/* A reference to a kept job; NULL: unknown, forgotten. */
struct desy_job *desy_jobs_find(desy_jobs *jobs, const char *id);
/* Another reference to a job that the caller knows to be alive. */
struct desy_job *desy_jobs_hold(desy_jobs *jobs, struct desy_job *job);
/* Called without a lock when a job that runs is cancelled, on the thread that cancels it: whoever works on it may stop. */
void desy_jobs_on_interrupt(desy_jobs *jobs, void (*interrupt)(void *context, const struct desy_job *job), void *context);
/* Cancels it, unless it is at its end: one that waits is not begun, the answer of one that runs is thrown away. It is no longer kept. */
void desy_jobs_cancel(desy_jobs *jobs, struct desy_job *job);
void desy_jobs_release(desy_jobs *jobs, struct desy_job *job);
/* The state, under the lock; *waiting: jobs before it in the queue. */
enum desy_job_state desy_jobs_state(desy_jobs *jobs, struct desy_job *job, size_t *waiting);
struct desy_jobs_count {
    size_t queued, running, kept;
};
struct desy_jobs_count desy_jobs_count(desy_jobs *jobs);
/* Forgets answers that waited too long. */
void desy_jobs_forget(desy_jobs *jobs);
/* No further job is taken in (desy_jobs_submit: full); those that wait are worked on, and once none does desy_jobs_take returns at once. */
void desy_jobs_drain(desy_jobs *jobs);
bool desy_jobs_drained(desy_jobs *jobs); /* draining, and nothing waits */
/* Of those that wait, and of those kept that run, every one. */
void desy_jobs_cancel_all(desy_jobs *jobs);
/* Waits until nothing waits or runs, at most so many seconds. */
bool desy_jobs_wait(desy_jobs *jobs, double seconds);
void desy_jobs_close(desy_jobs **jobs); /* no worker may be at work */

double desy_monotonic(void); /* seconds */

#endif
