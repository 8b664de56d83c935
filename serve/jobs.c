#include "serve/jobs.h"

#include "base/error.h"
#include "serve/secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct desy_jobs {
    pthread_mutex_t lock;
    pthread_cond_t arrived, ended;
    size_t room, most_kept, queued, running, kept;
    int idle; /* workers that wait for a job */
    double keep;
    bool draining;
    void (*interrupt)(void *context, const struct desy_job *job);
    void *interrupt_context;
    struct desy_job *first, **last;   /* the queue */
    struct desy_job *oldest, *newest; /* that are kept */
};

double desy_monotonic(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct timespec later(double seconds)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    const long nanoseconds = time.tv_nsec + (long)((seconds - (double)(time_t)seconds) * 1e9);
    return (struct timespec){time.tv_sec + (time_t)seconds + nanoseconds / 1000000000, nanoseconds % 1000000000};
}

const char *desy_job_state_name(enum desy_job_state state)
{
    static const char *const names[] = {"queued", "running", "done", "cancelled"};
    return names[state];
}

int desy_jobs_open(desy_jobs **out, size_t room, double keep, size_t most_kept)
{
    desy_jobs *jobs = calloc(1, sizeof *jobs);
    pthread_condattr_t monotonic;
    *out = jobs;
    if (!jobs) return desy_error_memory("the queue of jobs");
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&jobs->arrived, &monotonic);
    pthread_cond_init(&jobs->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    jobs->room = room, jobs->keep = keep, jobs->most_kept = most_kept;
    jobs->last = &jobs->first;
    return DESY_OK;
}

static void remove_video(struct desy_job_request *request)
{
    if (request->path) unlink(request->path);
    free(request->path);
    request->path = NULL;
}

static void free_request(struct desy_job_request *request)
{
    remove_video(request);
    free(request->name);
    free(request->text);
    *request = (struct desy_job_request){0};
}

static void unreference(struct desy_job *job) /* locked */
{
    if (--job->references > 0) return;
    free_request(&job->request);
    free(job->result);
    free(job->failure);
    free(job);
}

static void stop_keeping(desy_jobs *jobs, struct desy_job *job) /* locked */
{
    if (!job->kept) return;
    job->kept = false;
    *(job->older ? &job->older->newer : &jobs->oldest) = job->newer;
    *(job->newer ? &job->newer->older : &jobs->newest) = job->older;
    jobs->kept--;
    unreference(job);
}

static void start_keeping(desy_jobs *jobs, struct desy_job *job) /* locked */
{
    job->kept = true;
    job->references++;
    job->older = jobs->newest;
    *(jobs->newest ? &jobs->newest->newer : &jobs->oldest) = job;
    jobs->newest = job;
    jobs->kept++;
}

/* Room for another answer: ended jobs make it, oldest first. */
static bool make_room(desy_jobs *jobs) /* locked */
{
    for (struct desy_job *job = jobs->oldest, *newer; job && jobs->kept >= jobs->most_kept; job = newer) {
        newer = job->newer;
        if (job->state >= DESY_JOB_DONE) stop_keeping(jobs, job);
    }
    return jobs->kept < jobs->most_kept;
}

int desy_jobs_submit(desy_jobs *jobs, struct desy_job_request *request, bool keep, void (*notify)(void *), void *context, struct desy_job **out, bool *full)
{
    struct desy_job *job = calloc(1, sizeof *job);
    int rc = job ? desy_secret_draw(job->id, (DESY_JOB_ID - 1) / 2) : desy_error_memory("a job");
    *out = NULL, *full = false;
    if (rc == DESY_OK) {
        job->request = *request;
        *request = (struct desy_job_request){0};
        job->notify = notify, job->context = context;
        job->submitted = desy_monotonic();
        job->references = 1;
        pthread_mutex_lock(&jobs->lock);
        *full = jobs->draining || jobs->queued >= jobs->room || (keep && !make_room(jobs));
        if (!*full) {
            job->references++; /* the queue's, then the worker's */
            if (keep) start_keeping(jobs, job);
            *jobs->last = job;
            jobs->last = &job->next;
            jobs->queued++;
            pthread_cond_signal(&jobs->arrived);
        }
        pthread_mutex_unlock(&jobs->lock);
        if (!*full) {
            *out = job;
            return DESY_OK;
        }
        free_request(&job->request);
    }
    free(job);
    free_request(request);
    return rc;
}

bool desy_jobs_full(desy_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    const bool full = jobs->draining || jobs->queued >= jobs->room;
    pthread_mutex_unlock(&jobs->lock);
    return full;
}

struct desy_job *desy_jobs_take(desy_jobs *jobs, double seconds)
{
    const struct timespec until = later(seconds);
    pthread_mutex_lock(&jobs->lock);
    jobs->idle += seconds > 0;
    while (seconds > 0 && !jobs->first && !jobs->draining && pthread_cond_timedwait(&jobs->arrived, &jobs->lock, &until) == 0) continue;
    jobs->idle -= seconds > 0;
    struct desy_job *job = seconds > 0 || jobs->queued > (size_t)jobs->idle ? jobs->first : NULL;
    if (job) {
        jobs->first = job->next;
        if (!jobs->first) jobs->last = &jobs->first;
        job->next = NULL;
        job->state = DESY_JOB_RUNNING;
        job->started = desy_monotonic();
        jobs->queued--, jobs->running++;
    }
    pthread_mutex_unlock(&jobs->lock);
    return job;
}

void desy_jobs_finish(desy_jobs *jobs, struct desy_job *job, char *result, bool scored, char *failure)
{
    remove_video(&job->request);
    pthread_mutex_lock(&jobs->lock);
    const bool cancelled = job->state == DESY_JOB_CANCELLED;
    if (!cancelled) {
        job->state = DESY_JOB_DONE;
        job->result = result, job->scored = scored, job->failure = failure;
        job->ended = desy_monotonic();
    }
    pthread_mutex_unlock(&jobs->lock);
    if (cancelled) {
        free(result);
        free(failure);
    } else if (job->notify) job->notify(job->context);
    pthread_mutex_lock(&jobs->lock); /* only now: whoever waits for the end of all jobs may take away what they notify */
    jobs->running--;
    pthread_cond_broadcast(&jobs->ended);
    unreference(job);
    pthread_mutex_unlock(&jobs->lock);
}

struct desy_job *desy_jobs_find(desy_jobs *jobs, const char *id)
{
    struct desy_job *job;
    pthread_mutex_lock(&jobs->lock);
    for (job = jobs->newest; job && strcmp(job->id, id) != 0; job = job->older) continue;
    if (job) job->references++;
    pthread_mutex_unlock(&jobs->lock);
    return job;
}

struct desy_job *desy_jobs_hold(desy_jobs *jobs, struct desy_job *job)
{
    pthread_mutex_lock(&jobs->lock);
    job->references++;
    pthread_mutex_unlock(&jobs->lock);
    return job;
}

void desy_jobs_cancel(desy_jobs *jobs, struct desy_job *job)
{
    bool queued = false, ended;
    pthread_mutex_lock(&jobs->lock);
    ended = job->state >= DESY_JOB_DONE;
    void (*const interrupt)(void *, const struct desy_job *) = job->state == DESY_JOB_RUNNING ? jobs->interrupt : NULL;
    void *const interrupt_context = jobs->interrupt_context;
    if (job->state == DESY_JOB_QUEUED) {
        struct desy_job **at = &jobs->first;
        while (*at != job) at = &(*at)->next;
        *at = job->next;
        if (jobs->last == &job->next) jobs->last = at;
        jobs->queued--;
        queued = true;
        pthread_cond_broadcast(&jobs->ended);
    }
    if (!ended) job->state = DESY_JOB_CANCELLED, job->ended = desy_monotonic();
    stop_keeping(jobs, job);
    pthread_mutex_unlock(&jobs->lock);
    if (queued) remove_video(&job->request);
    if (interrupt) interrupt(interrupt_context, job);
    if (!ended && job->notify) job->notify(job->context);
    if (queued) desy_jobs_release(jobs, job);
}

void desy_jobs_on_interrupt(desy_jobs *jobs, void (*interrupt)(void *context, const struct desy_job *job), void *context)
{
    pthread_mutex_lock(&jobs->lock);
    jobs->interrupt = interrupt, jobs->interrupt_context = context;
    pthread_mutex_unlock(&jobs->lock);
}

void desy_jobs_cancel_all(desy_jobs *jobs)
{
    for (;;) {
        struct desy_job *job;
        pthread_mutex_lock(&jobs->lock);
        job = jobs->first;
        if (!job)
            for (job = jobs->oldest; job && job->state >= DESY_JOB_DONE; job = job->newer) continue;
        if (job) job->references++;
        pthread_mutex_unlock(&jobs->lock);
        if (!job) return;
        desy_jobs_cancel(jobs, job);
        desy_jobs_release(jobs, job);
    }
}

void desy_jobs_release(desy_jobs *jobs, struct desy_job *job)
{
    if (!job) return;
    pthread_mutex_lock(&jobs->lock);
    unreference(job);
    pthread_mutex_unlock(&jobs->lock);
}

enum desy_job_state desy_jobs_state(desy_jobs *jobs, struct desy_job *job, size_t *waiting)
{
    pthread_mutex_lock(&jobs->lock);
    const enum desy_job_state state = job->state;
    *waiting = 0;
    if (state == DESY_JOB_QUEUED)
        for (const struct desy_job *before = jobs->first; before && before != job; before = before->next) ++*waiting;
    pthread_mutex_unlock(&jobs->lock);
    return state;
}

struct desy_jobs_count desy_jobs_count(desy_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    const struct desy_jobs_count count = {jobs->queued, jobs->running, jobs->kept};
    pthread_mutex_unlock(&jobs->lock);
    return count;
}

void desy_jobs_forget(desy_jobs *jobs)
{
    const double now = desy_monotonic();
    pthread_mutex_lock(&jobs->lock);
    for (struct desy_job *job = jobs->oldest, *newer; job; job = newer) {
        newer = job->newer;
        if (job->state >= DESY_JOB_DONE && now - job->ended > jobs->keep) stop_keeping(jobs, job);
    }
    pthread_mutex_unlock(&jobs->lock);
}

void desy_jobs_drain(desy_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    jobs->draining = true;
    pthread_cond_broadcast(&jobs->arrived);
    pthread_mutex_unlock(&jobs->lock);
}

bool desy_jobs_drained(desy_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    const bool drained = jobs->draining && !jobs->first;
    pthread_mutex_unlock(&jobs->lock);
    return drained;
}

bool desy_jobs_wait(desy_jobs *jobs, double seconds)
{
    const struct timespec until = later(seconds);
    pthread_mutex_lock(&jobs->lock);
    while (jobs->queued + jobs->running > 0 && pthread_cond_timedwait(&jobs->ended, &jobs->lock, &until) == 0) continue;
    const bool empty = jobs->queued + jobs->running == 0;
    pthread_mutex_unlock(&jobs->lock);
    return empty;
}

void desy_jobs_close(desy_jobs **out)
{
    desy_jobs *jobs = *out;
    if (!jobs) return;
    while (jobs->first) desy_jobs_cancel(jobs, jobs->first);
    while (jobs->oldest) stop_keeping(jobs, jobs->oldest);
    pthread_cond_destroy(&jobs->arrived);
    pthread_cond_destroy(&jobs->ended);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
    *out = NULL;
}
