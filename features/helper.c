#include "features/helper.h"

#include "base/error.h"
#include "features/spawner.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define IDLE UINT64_MAX

struct worker {
    struct desy_helper helper; /* pid 0: none yet */
    uint64_t serves;           /* number of the request, IDLE: none */
    double until;              /* deadline, monotonic seconds */
};

struct desy_helper_pool {
    struct worker *workers;
    int count;
    double deadline;
    struct desy_clip_request *requests; /* a ring of those not taken yet */
    size_t room;
    uint64_t submitted, assigned, taken; /* numbers of requests */
    struct desy_clip *clip; /* the checked copy */
};

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int desy_helper_pool_open(desy_helper_pool **out, int helpers, double deadline)
{
    desy_helper_pool *pool = *out = calloc(1, sizeof *pool);
    if (pool) {
        pool->count = helpers, pool->deadline = deadline;
        pool->workers = calloc((size_t)helpers, sizeof *pool->workers);
        pool->clip = malloc(sizeof *pool->clip);
    }
    if (!pool || !pool->workers || !pool->clip) {
        if (pool) pool->count = 0;
        desy_helper_pool_close(out);
        return desy_error_memory("decode helpers");
    }
    for (int i = 0; i < helpers; i++) pool->workers[i] = (struct worker){.helper.socket = -1, .serves = IDLE};
    return DESY_OK;
}

static int grow_ring(desy_helper_pool *pool)
{
    size_t room = pool->room ? 2 * pool->room : 8;
    struct desy_clip_request *ring = malloc(room * sizeof *ring);
    if (!ring) return desy_error_memory("requests to decode helpers");
    for (uint64_t i = pool->taken; i < pool->submitted; i++) ring[i % room] = pool->requests[i % pool->room];
    free(pool->requests);
    pool->requests = ring, pool->room = room;
    return DESY_OK;
}

/* A request to a helper. A helper that died idle is replaced, once. */
static int send_request(desy_helper_pool *pool, struct worker *worker, uint64_t number)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        int status;
        if (worker->helper.pid == 0) {
            int rc = desy_spawner_spawn(&worker->helper);
            if (rc != DESY_OK) return rc;
        }
        const struct desy_clip_request *request = &pool->requests[number % pool->room];
        if (send(worker->helper.socket, request, sizeof *request, MSG_NOSIGNAL) == (ssize_t)sizeof *request) {
            worker->serves = number;
            worker->until = now_seconds() + pool->deadline;
            return DESY_OK;
        }
        desy_spawner_reap(&worker->helper, &status);
    }
    return desy_error(DESY_EENV, "decode helpers die before they can work");
}

static int assign(desy_helper_pool *pool)
{
    for (int i = 0; i < pool->count && pool->assigned < pool->submitted; i++) {
        if (pool->workers[i].serves != IDLE) continue;
        int rc = send_request(pool, &pool->workers[i], pool->assigned);
        if (rc != DESY_OK) return rc;
        pool->assigned++;
    }
    return DESY_OK;
}

int desy_helper_submit(desy_helper_pool *pool, const struct desy_clip_request *request)
{
    if (pool->submitted - pool->taken == pool->room) {
        int rc = grow_ring(pool);
        if (rc != DESY_OK) return rc;
    }
    pool->requests[pool->submitted++ % pool->room] = *request;
    return assign(pool);
}

static bool is_text(const char *text, size_t room)
{
    return memchr(text, '\0', room) != NULL;
}

/* Copies what the helper wrote and believes none of it. */
static bool copy_checked(struct desy_clip *clip, const struct desy_clip *shared, const struct desy_clip_request *request)
{
    memcpy(clip, shared, offsetof(struct desy_clip, forensic));
    if ((unsigned)clip->status > DESY_STATUS_CRASHED || !is_text(clip->reason, sizeof clip->reason) || !is_text(clip->codec, sizeof clip->codec) ||
        !is_text(clip->container, sizeof clip->container) || !is_text(clip->pixel_format, sizeof clip->pixel_format) ||
        !isfinite(clip->fps) || !isfinite(clip->duration))
        return false;
    if (clip->status != DESY_STATUS_OK) return true;
    if (clip->frames < 4 || clip->frames > request->frames || clip->frames > DESY_MAX_FRAMES) return false;
    for (int t = 0; t < clip->frames; t++)
        if (!isfinite(clip->pts[t]) || clip->frame_index[t] < 0 || (t > 0 && clip->frame_index[t] <= clip->frame_index[t - 1])) return false;
    size_t n = (size_t)clip->frames;
    memcpy(clip->rgb, shared->rgb, n * sizeof *clip->rgb);
    if (!request->forensic) return true;
    memcpy(clip->forensic, shared->forensic, n * sizeof *clip->forensic);
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < DESY_FORENSIC_DIMS; i++)
            if (!isfinite(clip->forensic[t][i])) return false;
    return true;
}

/* What stands in for a clip that a helper could not deliver; size and time are the file's own. */
static void fill_failed(struct desy_clip *clip, enum desy_status status)
{
    memset(clip, 0, offsetof(struct desy_clip, forensic));
    clip->status = status;
    clip->size = clip->mtime_ns = -1;
}

static void describe_death(struct desy_clip *clip, int status)
{
    fill_failed(clip, DESY_STATUS_CRASHED);
    if (WIFSIGNALED(status)) snprintf(clip->reason, sizeof clip->reason, "the decode helper died: %s", strsignal(WTERMSIG(status)));
    else snprintf(clip->reason, sizeof clip->reason, "the decode helper ended with code %d", WEXITSTATUS(status));
}

/* Waits for the helper's byte: 1 it came, 0 the deadline passed, -1 the helper is gone. */
static int wait_for(const struct worker *worker)
{
    for (;;) {
        char done;
        double left = worker->until - now_seconds();
        struct pollfd poller = {.fd = worker->helper.socket, .events = POLLIN};
        int ready = poll(&poller, 1, left > 0 ? (int)(left * 1000) + 1 : 0);
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) return 0;
        ssize_t got = ready > 0 ? recv(worker->helper.socket, &done, 1, 0) : -1;
        if (got < 0 && errno == EINTR) continue;
        return got == 1 ? 1 : -1;
    }
}

int desy_helper_take(desy_helper_pool *pool, const struct desy_clip **clip)
{
    int status, rc = assign(pool);
    struct worker *worker = NULL;
    if (rc != DESY_OK) return rc;
    for (int i = 0; i < pool->count; i++)
        if (pool->workers[i].serves == pool->taken) worker = &pool->workers[i];
    if (!worker) return desy_error(DESY_EUSAGE, "a clip was taken that nobody submitted");
    const struct desy_clip_request *request = &pool->requests[pool->taken % pool->room];
    int outcome = wait_for(worker);
    if (outcome == 1 && !copy_checked(pool->clip, worker->helper.shared, request)) {
        fill_failed(pool->clip, DESY_STATUS_CRASHED);
        snprintf(pool->clip->reason, sizeof pool->clip->reason, "the decode helper wrote nonsense");
        desy_spawner_reap(&worker->helper, &status);
    }
    if (outcome != 1) {
        DESY_TRY(desy_spawner_reap(&worker->helper, &status));
        describe_death(pool->clip, status);
        if (outcome == 0) {
            pool->clip->status = DESY_STATUS_TIMEOUT;
            snprintf(pool->clip->reason, sizeof pool->clip->reason, "not decoded within %g s", pool->deadline);
        }
    }
    worker->serves = IDLE;
    pool->taken++;
    *clip = pool->clip;
    rc = assign(pool);
out:
    return rc;
}

void desy_helper_pool_close(desy_helper_pool **out)
{
    int status;
    desy_helper_pool *pool = *out;
    if (!pool) return;
    for (int i = 0; i < pool->count; i++)
        if (pool->workers[i].helper.pid) desy_spawner_reap(&pool->workers[i].helper, &status);
    free(pool->workers);
    free(pool->requests);
    free(pool->clip);
    free(pool);
    *out = NULL;
}
