#include "mpi/queue.h"

#include "base/error.h"
#include "mpi/schedule.h"
#include "mpi/wait.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Protocol. The manager sends TASK {task, bytes} and PAYLOAD, as many ahead as the schedule wants; the worker answers each with
 * READY {task, code, seconds} when it is finished. TASK {NONE} ends it, behind the tasks sent before. */
#define NONE UINT64_MAX

struct ready {
    uint64_t task;
    int64_t code;
    double seconds;
};

struct task {
    uint64_t task, bytes;
};

/* A task on its way. A blocking send would hold up the manager until that rank is done with the task before. */
struct outgoing {
    struct task head;
    uint64_t position; /* in the order */
    void *payload;
    MPI_Request requests[2];
};

/* Rank 0's own worker is a thread, fed through this one-place mailbox: no MPI in it. */
struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    bool has_task, finish, wants;
    uint64_t position, task, finished; /* finished: a position, or NONE */
    void *payload;
    size_t bytes;
    int code;
    double seconds;
    char error[2048];
    const struct desy_queue *queue;
};

struct manager {
    desy_world *world;
    const struct desy_queue *queue;
    const uint64_t *order;
    uint64_t n;
    desy_schedule *schedule;
    int open_ranks;    /* others that have not been told NONE, or have tasks in hand */
    int code;          /* first failure */
    char error[2048];
    bool stopped;
    bool skipped;              /* a rank was told to stop and left a task undone */
    struct outgoing *outgoing; /* a rank's tasks in hand, oldest first from `first` on in a ring, and the last word to it */
    struct rank {
        unsigned first, sent;
        bool told;
    } *ranks;
};

#define SLOTS (DESY_SCHEDULE_AHEAD + 1) /* of a rank in outgoing */

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void *own_worker(void *argument)
{
    struct mailbox *box = argument;
    pthread_mutex_lock(&box->lock);
    for (;;) {
        while (!box->has_task && !box->finish) pthread_cond_wait(&box->filled, &box->lock);
        if (!box->has_task) break;
        uint64_t task = box->task;
        void *payload = box->payload;
        size_t bytes = box->bytes;
        box->payload = NULL;
        pthread_mutex_unlock(&box->lock);
        const double started = now_seconds();
        int code = box->queue->run(box->queue->context, task, payload, bytes);
        free(payload);
        pthread_mutex_lock(&box->lock);
        box->seconds = now_seconds() - started;
        if (code != DESY_OK) snprintf(box->error, sizeof box->error, "%s", desy_error_message());
        box->has_task = false;
        box->finished = box->position;
        box->code = code;
        box->wants = true;
    }
    pthread_mutex_unlock(&box->lock);
    return NULL;
}

static void note_failure(struct manager *manager, int code, const char *error)
{
    if (code == DESY_OK || manager->code != DESY_OK) return;
    manager->code = code;
    snprintf(manager->error, sizeof manager->error, "%s", error);
}

static void note_done(struct manager *manager, uint64_t position, int rank, double seconds)
{
    desy_schedule_done(manager->schedule, rank, position, seconds);
    if (manager->queue->done) manager->queue->done(manager->queue->context, manager->order[position], rank);
}

/* The place in the order of the task that a rank gets now, and its payload; END if it gets none any more, WAIT: not now. */
static uint64_t next_task(struct manager *manager, int rank, void **payload, size_t *bytes)
{
    const struct desy_queue *queue = manager->queue;
    *payload = NULL, *bytes = 0;
    if (manager->code != DESY_OK || desy_schedule_left(manager->schedule) == 0) return DESY_SCHEDULE_END;
    if (queue->stop && queue->stop(queue->context)) manager->stopped = true;
    if (manager->stopped) return DESY_SCHEDULE_END;
    const uint64_t position = desy_schedule_next(manager->schedule, rank, now_seconds());
    if (position >= manager->n) return position;
    int rc = queue->describe ? queue->describe(queue->context, manager->order[position], payload, bytes) : DESY_OK;
    if (rc == DESY_OK) return position;
    note_failure(manager, rc, desy_error_message());
    return DESY_SCHEDULE_END;
}

/* Frees a slot. Its message has long been received: the rank has finished the task. */
static void finish_sending(struct outgoing *slot)
{
    desy_mpi_wait(&slot->requests[0]);
    desy_mpi_wait(&slot->requests[1]);
    free(slot->payload);
    slot->payload = NULL;
}

/* Sends a rank what the schedule wants it to have. */
static void supply(struct manager *manager, int rank)
{
    MPI_Comm comm = desy_world_comm(manager->world);
    struct rank *state = &manager->ranks[rank];
    while (!state->told) {
        void *payload;
        size_t bytes;
        const uint64_t position = next_task(manager, rank, &payload, &bytes);
        if (position == DESY_SCHEDULE_WAIT) return;
        struct outgoing *slot = &manager->outgoing[rank * SLOTS + (int)(state->sent++ % SLOTS)];
        state->told = position == DESY_SCHEDULE_END;
        *slot = (struct outgoing){.head = {state->told ? NONE : manager->order[position], bytes}, .position = position, .payload = payload};
        slot->requests[0] = slot->requests[1] = MPI_REQUEST_NULL;
        MPI_Isend(&slot->head, sizeof slot->head, MPI_BYTE, rank, DESY_TAG_TASK, comm, &slot->requests[0]);
        if (bytes) MPI_Isend(slot->payload, (int)bytes, MPI_BYTE, rank, DESY_TAG_PAYLOAD, comm, &slot->requests[1]);
    }
    if (state->sent - state->first == 1) manager->open_ranks--; /* nothing but that NONE is on its way */
}

/* Takes one READY, if one has come, and answers it. */
static bool serve_rank(struct manager *manager)
{
    int there = 0;
    MPI_Status status;
    MPI_Comm comm = desy_world_comm(manager->world);
    struct ready ready;
    if (manager->open_ranks == 0) return false;
    MPI_Iprobe(MPI_ANY_SOURCE, DESY_TAG_READY, comm, &there, &status);
    if (!there) return false;
    const int rank = status.MPI_SOURCE;
    MPI_Recv(&ready, sizeof ready, MPI_BYTE, rank, DESY_TAG_READY, comm, MPI_STATUS_IGNORE);
    struct outgoing *slot = &manager->outgoing[rank * SLOTS + (int)(manager->ranks[rank].first++ % SLOTS)];
    finish_sending(slot);
    if (ready.code == DESY_OK) note_done(manager, slot->position, rank, ready.seconds);
    else if (ready.code == DESY_EINTERRUPTED) manager->stopped = manager->skipped = true;
    /* The text of the failure stays on its rank: the agreement at the end brings it. */
    else note_failure(manager, (int)ready.code, "");
    supply(manager, rank);
    return true;
}

/* Feeds the own worker; true if something happened. *idle: it has nothing to do and will get nothing. */
static bool serve_self(struct manager *manager, struct mailbox *box, bool *idle)
{
    pthread_mutex_lock(&box->lock);
    bool wants = box->wants;
    if (wants) {
        box->wants = false;
        if (box->code == DESY_OK && box->finished != NONE) note_done(manager, box->finished, 0, box->seconds);
        else note_failure(manager, box->code, box->error);
        box->finished = NONE;
        const uint64_t position = next_task(manager, 0, &box->payload, &box->bytes);
        box->has_task = position < manager->n;
        if (box->has_task) box->position = position, box->task = manager->order[position];
        *idle = !box->has_task;
        pthread_cond_signal(&box->filled);
    }
    pthread_mutex_unlock(&box->lock);
    return wants;
}

#define BURST 64 /* messages that are answered before the own worker is looked after */

static int manage(struct manager *manager)
{
    struct mailbox box = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER, .wants = true, .finished = NONE, .queue = manager->queue};
    pthread_t worker;
    bool idle = false, threaded = pthread_create(&worker, NULL, own_worker, &box) == 0;
    if (!threaded) {
        note_failure(manager, DESY_EENV, "no thread can be started");
        idle = true;
    }
    long pause = 0;
    for (int rank = 1; rank < desy_size(manager->world); rank++) supply(manager, rank);
    while (!idle || manager->open_ranks > 0) {
        bool busy = false;
        for (int i = 0; i < BURST && serve_rank(manager); i++) busy = true;
        if (!idle && serve_self(manager, &box, &idle)) busy = true;
        if (manager->queue->tick) manager->queue->tick(manager->queue->context);
        if (busy) pause = 0;
        else desy_mpi_pause(&pause);
    }
    if (threaded) {
        pthread_mutex_lock(&box.lock);
        box.finish = true;
        pthread_cond_signal(&box.filled);
        pthread_mutex_unlock(&box.lock);
        pthread_join(worker, NULL);
    }
    if (manager->code != DESY_OK) return desy_error(manager->code, "%s", manager->error);
    const uint64_t left = desy_schedule_left(manager->schedule);
    if (left > 0 || manager->skipped)
        return desy_error(DESY_EINTERRUPTED, "interrupted: %llu of %llu pieces of work were handed out; the same command continues",
                          (unsigned long long)(manager->n - left), (unsigned long long)manager->n);
    return DESY_OK;
}

static void receive(MPI_Comm comm, void *data, size_t bytes, int tag)
{
    MPI_Request request;
    MPI_Irecv(data, (int)bytes, MPI_BYTE, 0, tag, comm, &request);
    desy_mpi_wait(&request);
}

static int work(desy_world *world, const struct desy_queue *queue)
{
    MPI_Comm comm = desy_world_comm(world);
    int code = DESY_OK;
    char error[2048] = "";
    for (;;) {
        struct task head;
        receive(comm, &head, sizeof head, DESY_TAG_TASK);
        if (head.task == NONE) break;
        void *payload = head.bytes ? malloc(head.bytes) : NULL;
        if (head.bytes && !payload) return desy_error_memory("a task"), MPI_Abort(comm, DESY_EENV); /* the message cannot be taken off the wire */
        if (head.bytes) receive(comm, payload, head.bytes, DESY_TAG_PAYLOAD);
        if (code == DESY_OK && queue->stop && queue->stop(queue->context)) {
            code = DESY_EINTERRUPTED;
            snprintf(error, sizeof error, "interrupted before all pieces of work were done; the same command continues");
        }
        const double started = now_seconds();
        if (code == DESY_OK && (code = queue->run(queue->context, head.task, payload, head.bytes)) != DESY_OK)
            snprintf(error, sizeof error, "%s", desy_error_message());
        free(payload);
        const struct ready ready = {head.task, code, now_seconds() - started};
        MPI_Send(&ready, sizeof ready, MPI_BYTE, 0, DESY_TAG_READY, comm);
    }
    return code == DESY_OK ? DESY_OK : desy_error(code, "%s", error);
}

static int allocate(struct manager *manager, const double *costs, int ranks)
{
    manager->outgoing = calloc((size_t)ranks * SLOTS, sizeof *manager->outgoing);
    manager->ranks = calloc((size_t)ranks, sizeof *manager->ranks);
    if (!manager->outgoing || !manager->ranks) return desy_error_memory("the task queue");
    for (int i = 0; i < ranks * SLOTS; i++) manager->outgoing[i].requests[0] = manager->outgoing[i].requests[1] = MPI_REQUEST_NULL;
    return desy_schedule_open(&manager->schedule, costs, manager->n, ranks);
}

int desy_queue_run(desy_world *world, const struct desy_queue *queue, const uint64_t *order, const double *costs, uint64_t n)
{
    const int ranks = desy_size(world);
    struct manager manager = {.world = world, .queue = queue, .order = order, .n = n, .open_ranks = ranks - 1};
    int rc = desy_agree(world, desy_rank(world) == 0 ? allocate(&manager, costs, ranks) : DESY_OK);
    if (rc != DESY_OK) goto out;
    rc = desy_rank(world) == 0 ? manage(&manager) : work(world, queue);
    for (int i = SLOTS; manager.outgoing && i < ranks * SLOTS; i++) finish_sending(&manager.outgoing[i]);
    /* A failure of another rank is known here only by its code: its own message must win. */
    bool told = desy_rank(world) == 0 && manager.code != DESY_OK && manager.error[0] == '\0';
    rc = desy_agree(world, told ? DESY_OK : rc);
out:
    desy_schedule_close(&manager.schedule);
    free(manager.outgoing);
    free(manager.ranks);
    return rc;
}
