/* The pool: which helper works on which request. Each keeps its clip in its own shared memory until it is taken, so at most
 * `helpers` clips wait; what is taken is copied first, and only the copy is checked and given away. */
#include "features/helper.h"

#include "base/error.h"
#include "base/log.h"
#include "features/clip_check.h"
#include "features/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_SERVED 1000 /* requests of a helper where views are encoded: x265 loses 30 KB and more in each of its encodes */

struct helper {
    pid_t process;                 /* 0: none */
    int socket, memory;
    const struct desy_clip *clip;  /* the shared memory */
    bool busy;                     /* has a request, or a clip that was not taken */
    double until;                  /* its deadline, by the monotonic clock */
    int served;                    /* requests */
};

struct waiting {
    struct desy_clip_request request;
    struct helper *helper; /* NULL: not begun */
    int windows;           /* as its first clip said; 0: none was taken yet */
    int window;            /* that is due */
    struct waiting *next;
};

struct desy_helper_pool {
    desy_spawner *spawner; /* NULL: the one that this process forked */
    struct helper *helpers;
    int count;
    int interrupt; /* eventfd */
    bool threads; /* helpers may start some */
    double deadline;
    int sandbox_error; /* errno, of the last helper that answered; 0: it is in its sandbox */
    struct waiting *oldest, **end;
    struct desy_clip taken;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Sealed: a helper can't make it shorter under our feet. */
static int share_memory(struct helper *helper)
{
    helper->memory = memfd_create("desy-clip", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (helper->memory < 0 || ftruncate(helper->memory, sizeof(struct desy_clip)) != 0 ||
        fcntl(helper->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return desy_error(DESY_EENV, "no shared memory for a decode helper: %s", strerror(errno));
    void *clip = mmap(NULL, sizeof(struct desy_clip), PROT_READ, MAP_SHARED, helper->memory, 0);
    if (clip == MAP_FAILED) return desy_error(DESY_EENV, "no shared memory for a decode helper: %s", strerror(errno));
    helper->clip = clip;
    return DESY_OK;
}

/* Ends the process, if there is one, and frees all that belongs to it. *status of waitpid, -1 if not known. */
static int end_helper(const desy_helper_pool *pool, struct helper *helper, int *status)
{
    int rc = DESY_OK;
    *status = -1;
    if (helper->socket >= 0) close(helper->socket);
    if (helper->process) rc = desy_spawner_end(pool->spawner, status, helper->process);
    if (helper->clip) munmap((void *)helper->clip, sizeof(struct desy_clip));
    if (helper->memory >= 0) close(helper->memory);
    *helper = (struct helper){.socket = -1, .memory = -1};
    return rc;
}

static int start_helper(const desy_helper_pool *pool, struct helper *helper)
{
    int sockets[2] = {-1, -1}, status, rc;
    DESY_TRY(share_memory(helper));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
        rc = desy_error(DESY_EENV, "no socket for a decode helper: %s", strerror(errno));
        goto out;
    }
    helper->socket = sockets[0];
    DESY_TRY(desy_spawner_helper(pool->spawner, &helper->process, sockets[1], helper->memory, pool->threads));
out:
    if (sockets[1] >= 0) close(sockets[1]);
    if (rc != DESY_OK) (void)end_helper(pool, helper, &status);
    return rc;
}

static bool send_request(struct helper *helper, const struct desy_clip_request *request)
{
    ssize_t sent;
    if (!helper->process) return false;
    do sent = send(helper->socket, request, sizeof *request, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == sizeof *request;
}

/* A helper that died while it had nothing to do costs no video. */
static int begin(desy_helper_pool *pool, struct helper *helper, struct waiting *waiting)
{
    int status, rc = DESY_OK;
    if (pool->threads && helper->served >= MOST_SERVED) DESY_TRY(end_helper(pool, helper, &status));
    if (!send_request(helper, &waiting->request)) {
        DESY_TRY(end_helper(pool, helper, &status));
        DESY_TRY(start_helper(pool, helper));
        if (!send_request(helper, &waiting->request))
            return desy_error(DESY_EENV, "decode helpers die as soon as they start: %s", strerror(errno));
    }
    helper->busy = true;
    helper->served++;
    helper->until = now() + pool->deadline;
    waiting->helper = helper;
out:
    return rc;
}

/* Gives the idle helpers work, oldest first. */
static int begin_all(desy_helper_pool *pool)
{
    struct waiting *waiting = pool->oldest;
    int rc = DESY_OK;
    for (int i = 0; i < pool->count; i++) {
        if (pool->helpers[i].busy) continue;
        while (waiting && waiting->helper) waiting = waiting->next;
        if (!waiting) break;
        DESY_TRY(begin(pool, &pool->helpers[i], waiting));
    }
out:
    return rc;
}

int desy_helpers_beside(const char *device, int cores)
{
    const int helpers = strcmp(device, "cpu") == 0 ? cores : cores - 1;
    return helpers < 1 ? 1 : helpers;
}

int desy_helper_pool_open(desy_helper_pool **out, int helpers, double deadline)
{
    *out = NULL;
    if (helpers < 1 || !(deadline > 0)) return desy_error(DESY_EUSAGE, "a pool of %d helpers with a deadline of %g s", helpers, deadline);
    desy_helper_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return desy_error_memory("decode helpers");
    pool->end = &pool->oldest;
    pool->deadline = deadline;
    pool->interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pool->helpers = calloc((size_t)helpers, sizeof *pool->helpers);
    for (; pool->helpers && pool->count < helpers; pool->count++) pool->helpers[pool->count] = (struct helper){.socket = -1, .memory = -1};
    if (!pool->helpers || pool->interrupt < 0) {
        const int rc = pool->helpers ? desy_error(DESY_EENV, "no descriptor for decode helpers: %s", strerror(errno)) : desy_error_memory("decode helpers");
        desy_helper_pool_close(&pool);
        return rc;
    }
    *out = pool;
    return DESY_OK;
}

int desy_helper_count(const desy_helper_pool *pool)
{
    return pool->count;
}

void desy_helper_pool_use(desy_helper_pool *pool, desy_spawner *spawner)
{
    pool->spawner = spawner;
}

void desy_helper_pool_allow_threads(desy_helper_pool *pool)
{
    pool->threads = true;
}

int desy_helper_submit(desy_helper_pool *pool, const struct desy_clip_request *request)
{
    struct waiting *waiting = malloc(sizeof *waiting);
    if (!waiting) return desy_error_memory("a request to decode");
    waiting->request = *request;
    waiting->helper = NULL;
    waiting->windows = waiting->window = 0;
    waiting->next = NULL;
    *pool->end = waiting;
    pool->end = &waiting->next;
    return begin_all(pool);
}

enum waited { FILLED, DEAD, LATE, INTERRUPTED };

/* For the byte that says the clip is filled, the helper's end, its deadline, or an interrupt. */
static enum waited wait_for(const desy_helper_pool *pool, struct helper *helper, unsigned char *byte)
{
    struct pollfd either[] = {{.fd = helper->socket, .events = POLLIN}, {.fd = pool->interrupt, .events = POLLIN}};
    for (;;) {
        double left = helper->until - now();
        int ready = poll(either, 2, left <= 0 ? 0 : left > 1000 ? 1000000 : (int)ceil(left * 1000));
        if (ready > 0 && either[1].revents) return INTERRUPTED;
        if (ready > 0) return recv(helper->socket, byte, 1, 0) == 1 ? FILLED : DEAD;
        if (ready < 0 && errno != EINTR) return DEAD;
        if (ready == 0 && left <= 0) return LATE;
    }
}

static void note_sandbox(desy_helper_pool *pool, unsigned char error)
{
    static atomic_bool said; /* once a process, however many pools it opens */
    pool->sandbox_error = error;
    if (!error || atomic_exchange(&said, true)) return;
    desy_log_warning("decode helpers run without a seccomp sandbox (%s): resource limits alone hold what a hostile video may do to them",
                     desy_helper_sandbox_missing(pool));
}

const char *desy_helper_sandbox_missing(const desy_helper_pool *pool)
{
    return pool->sandbox_error ? strerror(pool->sandbox_error) : "";
}

/* The clips of a video come in order, and are as many as the first one said. */
static bool is_due(struct waiting *waiting, const struct desy_clip *clip)
{
    if (clip->status != DESY_STATUS_OK) return true;
    if (waiting->windows == 0) waiting->windows = clip->windows;
    return clip->windows == waiting->windows && clip->window == waiting->window++;
}

static void clear_clip(struct desy_clip *clip)
{
    memset(clip, 0, offsetof(struct desy_clip, audio));
    clip->size = clip->mtime_ns = -1;
    clip->windows = 1;
}

/* Ends a helper that failed, and says so in the clip. */
static int report_failure(desy_helper_pool *pool, struct helper *helper, bool late)
{
    struct desy_clip *clip = &pool->taken;
    int status, rc;
    clear_clip(clip);
    clip->status = late ? DESY_STATUS_TIMEOUT : DESY_STATUS_CRASHED;
    DESY_TRY(end_helper(pool, helper, &status));
    if (late)
        snprintf(clip->reason, sizeof clip->reason, "decoding took longer than %g s", pool->deadline);
    else if (status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        snprintf(clip->reason, sizeof clip->reason, "the decoder was stopped by its sandbox: it asked for what no decoder needs (signal %d)", SIGSYS);
    else if (status != -1 && WIFSIGNALED(status))
        snprintf(clip->reason, sizeof clip->reason, "the decoder died: %s (signal %d)", strsignal(WTERMSIG(status)), WTERMSIG(status));
    else
        snprintf(clip->reason, sizeof clip->reason, "the decoder ended early");
out:
    return rc;
}

/* *more: this video has another clip. */
static int take_clip(desy_helper_pool *pool, struct waiting *waiting, bool *more)
{
    struct helper *helper = waiting->helper;
    unsigned char byte;
    int status, rc = DESY_OK;
    *more = false;
    const enum waited waited = wait_for(pool, helper, &byte);
    if (waited == INTERRUPTED) return desy_error(DESY_EINTERRUPTED, "decoding was interrupted");
    if (waited != FILLED) return report_failure(pool, helper, waited == LATE);
    note_sandbox(pool, byte);
    if (desy_clip_copy(&pool->taken, helper->clip, &waiting->request) && is_due(waiting, &pool->taken)) {
        *more = helper->busy = !desy_clip_is_last(&pool->taken);
        if (*more) (void)send(helper->socket, "", 1, MSG_NOSIGNAL); /* the next one, please; a helper that is dead shows when it is taken */
        helper->until = now() + pool->deadline;
        return DESY_OK;
    }
    clear_clip(&pool->taken);
    pool->taken.status = DESY_STATUS_CRASHED;
    snprintf(pool->taken.reason, sizeof pool->taken.reason, "the decoder answered nonsense");
    DESY_TRY(end_helper(pool, helper, &status));
out:
    return rc;
}

int desy_helper_take(desy_helper_pool *pool, const struct desy_clip **clip)
{
    struct waiting *waiting = pool->oldest;
    bool more;
    int rc;
    if (!waiting) return desy_error(DESY_EUSAGE, "a clip was taken from decode helpers, and none was asked for");
    DESY_TRY(begin_all(pool)); /* where a helper could not be had before */
    DESY_TRY(take_clip(pool, waiting, &more));
    if (pool->taken.status != DESY_STATUS_OK) pool->taken.window = waiting->window, pool->taken.windows = waiting->window + 1; /* the last one there is */
    pool->taken.view = waiting->request.view;
    *clip = &pool->taken;
    if (more) return DESY_OK;
    pool->oldest = waiting->next;
    if (!pool->oldest) pool->end = &pool->oldest;
    free(waiting);
    (void)begin_all(pool); /* what stands in the way of another video is told when that one is taken */
out:
    return rc;
}

bool desy_helper_ready(const desy_helper_pool *pool)
{
    const struct helper *helper = pool->oldest ? pool->oldest->helper : NULL;
    struct pollfd filled = {.fd = helper ? helper->socket : -1, .events = POLLIN};
    return helper && poll(&filled, 1, 0) > 0;
}

void desy_helper_interrupt(desy_helper_pool *pool)
{
    (void)eventfd_write(pool->interrupt, 1); /* fails where it was interrupted 2^64 - 2 times already */
}

static void forget_requests(desy_helper_pool *pool)
{
    for (struct waiting *waiting = pool->oldest, *next; waiting; waiting = next) {
        next = waiting->next;
        free(waiting);
    }
    pool->oldest = NULL;
    pool->end = &pool->oldest;
}

void desy_helper_pool_clear(desy_helper_pool *pool)
{
    int status;
    eventfd_t interrupts;
    for (int i = 0; i < pool->count; i++)
        if (pool->helpers[i].busy) (void)end_helper(pool, &pool->helpers[i], &status);
    forget_requests(pool);
    (void)eventfd_read(pool->interrupt, &interrupts);
}

void desy_helper_pool_close(desy_helper_pool **pool)
{
    int status;
    if (!*pool) return;
    for (int i = 0; i < (*pool)->count; i++) (void)end_helper(*pool, &(*pool)->helpers[i], &status);
    forget_requests(*pool);
    if ((*pool)->interrupt >= 0) close((*pool)->interrupt);
    free((*pool)->helpers);
    free(*pool);
    *pool = NULL;
}
