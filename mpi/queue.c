#include "mpi/queue.h"

#include "base/error.h"
#include "mpi/wait.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Protocol. A worker says READY {task it finished or NONE, code}; the manager answers TASK {task or NONE, bytes}, then PAYLOAD.
 * Each worker has two READYs under way at the start, so that its next task lies ready while it works on one. */
#define NONE UINT64_MAX
#define AHEAD 2

struct message {
    uint64_t task;
    int64_t code_or_bytes;
};

/* An answer on its way. A blocking send would hold up the manager until that rank is done with the task before. */
struct outgoing {
    struct message answer;
    void *payload;
    MPI_Request requests[2];
};

/* Rank 0's own worker is a thread, fed through this one-place mailbox: no MPI in it. */
struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    bool has_task, finish, wants;
    uint64_t task, finished;
    void *payload;
    size_t bytes;
    int code;
    char error[2048];
    const struct desy_queue *queue;
};

struct manager {
    desy_world *world;
    const struct desy_queue *queue;
    const uint64_t *order;
    uint64_t n, next;
    int open_requests; /* READYs of other ranks that are still to come or to be answered with NONE */
    int code;          /* first failure */
    char error[2048];
    bool stopped;
    bool skipped;              /* a rank was told to stop and left a task undone */
    struct outgoing *outgoing; /* AHEAD a rank, used in turn */
    int *turn;
};

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
        int code = box->queue->run(box->queue->context, task, payload, bytes);
        free(payload);
        pthread_mutex_lock(&box->lock);
        if (code != DESY_OK) snprintf(box->error, sizeof box->error, "%s", desy_error_message());
        box->has_task = false;
        box->finished = task;
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

static void note_done(struct manager *manager, uint64_t task, int rank)
{
    if (task != NONE && manager->queue->done) manager->queue->done(manager->queue->context, task, rank);
}

/* The next task and its payload; NONE if there is none or no more should start. */
static uint64_t next_task(struct manager *manager, void **payload, size_t *bytes)
{
    const struct desy_queue *queue = manager->queue;
    *payload = NULL, *bytes = 0;
    if (manager->next == manager->n || manager->code != DESY_OK) return NONE;
    if (queue->stop && queue->stop(queue->context)) manager->stopped = true;
    if (manager->stopped) return NONE;
    uint64_t task = manager->order[manager->next];
    int rc = queue->describe ? queue->describe(queue->context, task, payload, bytes) : DESY_OK;
    if (rc != DESY_OK) {
        note_failure(manager, rc, desy_error_message());
        return NONE;
    }
    manager->next++;
    return task;
}

/* Frees a slot. When its turn comes again the receiver has long had it: it asked for more after that. */
static void finish_sending(struct outgoing *slot)
{
    desy_mpi_wait(&slot->requests[0]);
    desy_mpi_wait(&slot->requests[1]);
    free(slot->payload);
    slot->payload = NULL;
}

/* Answers one READY, if one has come. */
static bool serve_rank(struct manager *manager)
{
    int there = 0;
    MPI_Status status;
    MPI_Comm comm = desy_world_comm(manager->world);
    struct message ready;
    if (manager->open_requests == 0) return false;
    MPI_Iprobe(MPI_ANY_SOURCE, DESY_TAG_READY, comm, &there, &status);
    if (!there) return false;
    MPI_Recv(&ready, sizeof ready, MPI_BYTE, status.MPI_SOURCE, DESY_TAG_READY, comm, MPI_STATUS_IGNORE);
    if (ready.code_or_bytes == DESY_OK) note_done(manager, ready.task, status.MPI_SOURCE);
    else if (ready.code_or_bytes == DESY_EINTERRUPTED) manager->stopped = manager->skipped = true;
    /* The text of the failure stays on its rank: the agreement at the end brings it. */
    else note_failure(manager, (int)ready.code_or_bytes, "");
    int rank = status.MPI_SOURCE, turn = manager->turn[rank]++ % AHEAD;
    struct outgoing *slot = &manager->outgoing[rank * AHEAD + turn];
    size_t bytes;
    finish_sending(slot);
    slot->answer.task = next_task(manager, &slot->payload, &bytes);
    slot->answer.code_or_bytes = (int64_t)bytes;
    MPI_Isend(&slot->answer, sizeof slot->answer, MPI_BYTE, rank, DESY_TAG_TASK, comm, &slot->requests[0]);
    if (bytes) MPI_Isend(slot->payload, (int)bytes, MPI_BYTE, rank, DESY_TAG_PAYLOAD, comm, &slot->requests[1]);
    if (slot->answer.task == NONE) manager->open_requests--;
    return true;
}

/* Feeds the own worker; true if something happened. *idle: it has nothing to do and will get nothing. */
static bool serve_self(struct manager *manager, struct mailbox *box, bool *idle)
{
    pthread_mutex_lock(&box->lock);
    bool wants = box->wants;
    if (wants) {
        box->wants = false;
        if (box->code == DESY_OK) note_done(manager, box->finished, 0);
        else note_failure(manager, box->code, box->error);
        box->finished = NONE;
        box->task = next_task(manager, &box->payload, &box->bytes);
        box->has_task = box->task != NONE;
        *idle = !box->has_task;
        pthread_cond_signal(&box->filled);
    }
    pthread_mutex_unlock(&box->lock);
    return wants;
}

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
    while (!idle || manager->open_requests > 0) {
        bool busy = serve_rank(manager);
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
    if (manager->next < manager->n || manager->skipped)
        return desy_error(DESY_EINTERRUPTED, "interrupted: %llu of %llu pieces of work were handed out; the same command continues",
                          (unsigned long long)manager->next, (unsigned long long)manager->n);
    return DESY_OK;
}

static void say_ready(MPI_Comm comm, uint64_t task, int code)
{
    struct message ready = {task, code};
    MPI_Send(&ready, sizeof ready, MPI_BYTE, 0, DESY_TAG_READY, comm);
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
    int code = DESY_OK, open = AHEAD;
    char error[2048] = "";
    for (int i = 0; i < AHEAD; i++) say_ready(comm, NONE, DESY_OK);
    while (open > 0) {
        struct message answer;
        receive(comm, &answer, sizeof answer, DESY_TAG_TASK);
        if (answer.task == NONE) {
            open--;
            continue;
        }
        size_t bytes = (size_t)answer.code_or_bytes;
        void *payload = bytes ? malloc(bytes) : NULL;
        if (bytes && !payload) return desy_error_memory("a task"), MPI_Abort(comm, DESY_EENV); /* the message cannot be taken off the wire */
        if (bytes) receive(comm, payload, bytes, DESY_TAG_PAYLOAD);
        if (code == DESY_OK && queue->stop && queue->stop(queue->context)) {
            code = DESY_EINTERRUPTED;
            snprintf(error, sizeof error, "interrupted before all pieces of work were done; the same command continues");
        }
        if (code == DESY_OK && (code = queue->run(queue->context, answer.task, payload, bytes)) != DESY_OK)
            snprintf(error, sizeof error, "%s", desy_error_message());
        free(payload);
        say_ready(comm, answer.task, code);
    }
    return code == DESY_OK ? DESY_OK : desy_error(code, "%s", error);
}

static int allocate(struct manager *manager, int ranks)
{
    manager->outgoing = calloc((size_t)ranks * AHEAD, sizeof *manager->outgoing);
    manager->turn = calloc((size_t)ranks, sizeof *manager->turn);
    if (!manager->outgoing || !manager->turn) return desy_error_memory("the task queue");
    for (int i = 0; i < ranks * AHEAD; i++) manager->outgoing[i].requests[0] = manager->outgoing[i].requests[1] = MPI_REQUEST_NULL;
    return DESY_OK;
}

int desy_queue_run(desy_world *world, const struct desy_queue *queue, const uint64_t *order, uint64_t n)
{
    const int ranks = desy_size(world);
    struct manager manager = {.world = world, .queue = queue, .order = order, .n = n, .open_requests = AHEAD * (ranks - 1)};
    int rc = desy_agree(world, desy_rank(world) == 0 ? allocate(&manager, ranks) : DESY_OK);
    if (rc != DESY_OK) goto out;
    rc = desy_rank(world) == 0 ? manage(&manager) : work(world, queue);
    for (int i = 0; manager.outgoing && i < (ranks > 1 ? ranks * AHEAD : 0); i++) finish_sending(&manager.outgoing[i]);
    /* A failure of another rank is known here only by its code: its own message must win. */
    bool told = desy_rank(world) == 0 && manager.code != DESY_OK && manager.error[0] == '\0';
    rc = desy_agree(world, told ? DESY_OK : rc);
out:
    free(manager.outgoing);
    free(manager.turn);
    return rc;
}
