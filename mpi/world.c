#include "mpi/world.h"

#include "base/aligned.h"
#include "base/cpu.h"
#include "base/error.h"
#include "mpi/wait.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK ((size_t)1 << 30) /* bytes a message: MPI counts are int */

struct desy_world {
    MPI_Comm comm; /* MPI_COMM_NULL: alone, no MPI */
    int rank, size, local_rank, local_size;
};

static bool alone(const desy_world *world)
{
    return world->comm == MPI_COMM_NULL;
}

bool desy_world_launched(void)
{
    /* SLURM_PROCID alone is no sign: srun without an MPI plugin starts programs that cannot find each other. */
    static const char *const signs[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (getenv(signs[i])) return true;
    return false;
}

const char *desy_mpi_version(void)
{
    static char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    if (MPI_Get_library_version(text, &length) != MPI_SUCCESS) return "unknown";
    text[strcspn(text, ",\n")] = '\0';
    return text;
}

int desy_world_open_alone(desy_world **out)
{
    desy_world *world = *out = calloc(1, sizeof *world);
    if (!world) return desy_error_memory("the world of ranks");
    *world = (desy_world){.comm = MPI_COMM_NULL, .size = 1, .local_size = 1};
    return DESY_OK;
}

int desy_world_open(desy_world **out)
{
    int provided;
    const int rc = desy_world_open_alone(out);
    if (rc != DESY_OK || !desy_world_launched()) return rc;
    desy_world *world = *out;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS || provided < MPI_THREAD_FUNNELED)
        return desy_error(DESY_EENV, "MPI does not start with MPI_THREAD_FUNNELED");
    MPI_Comm node;
    world->comm = MPI_COMM_WORLD;
    MPI_Comm_rank(world->comm, &world->rank);
    MPI_Comm_size(world->comm, &world->size);
    MPI_Comm_split_type(world->comm, MPI_COMM_TYPE_SHARED, world->rank, MPI_INFO_NULL, &node);
    MPI_Comm_rank(node, &world->local_rank);
    MPI_Comm_size(node, &world->local_size);
    MPI_Comm_free(&node);
    return DESY_OK;
}

void desy_world_close(desy_world **world)
{
    if (!*world) return;
    desy_barrier(*world);
    if (!alone(*world)) MPI_Finalize();
    free(*world);
    *world = NULL;
}

int desy_rank(const desy_world *world) { return world->rank; }
int desy_size(const desy_world *world) { return world->size; }
int desy_local_rank(const desy_world *world) { return world->local_rank; }
int desy_local_size(const desy_world *world) { return world->local_size; }

int desy_local_cores(const desy_world *world)
{
    int cores = desy_cpu_available();
    if (cores == desy_cpu_online()) cores /= world->local_size;
    return cores > 1 ? cores : 1;
}

/* What must be mended first comes highest. */
static int priority(int code)
{
    static const int order[] = {DESY_OK, DESY_EDRIFT, DESY_EINTERRUPTED, DESY_EPARTIAL, DESY_EDATA, DESY_EUSAGE, DESY_EENV};
    for (int i = 0; i < 7; i++)
        if (order[i] == code) return i;
    return 6;
}

int desy_agree(desy_world *world, int rc)
{
    if (alone(world)) return rc;
    MPI_Request request;
    struct { int priority, rank; } mine = {priority(rc), world->rank}, worst;
    /* MPI_MAXLOC takes the lowest rank of those that tie. */
    MPI_Iallreduce(&mine, &worst, 1, MPI_2INT, MPI_MAXLOC, world->comm, &request);
    desy_mpi_wait(&request);
    if (worst.priority == 0) return DESY_OK;
    char message[2048] = "";
    if (worst.rank == world->rank) snprintf(message, sizeof message, "%s", desy_error_message());
    int agreed = rc;
    desy_broadcast(world, &agreed, sizeof agreed, worst.rank);
    desy_broadcast(world, message, sizeof message, worst.rank);
    return desy_error(agreed, "%s", message);
}

void desy_barrier(desy_world *world)
{
    MPI_Request request;
    if (alone(world)) return;
    MPI_Ibarrier(world->comm, &request);
    desy_mpi_wait(&request);
}

void desy_broadcast(desy_world *world, void *data, size_t bytes, int root)
{
    MPI_Request request;
    if (alone(world)) return;
    for (size_t done = 0; done < bytes; done += CHUNK) {
        size_t part = bytes - done < CHUNK ? bytes - done : CHUNK;
        MPI_Ibcast((char *)data + done, (int)part, MPI_BYTE, root, world->comm, &request);
        desy_mpi_wait(&request);
    }
}

int desy_broadcast_text(desy_world *world, char **text, int root)
{
    int64_t length = world->rank == root && *text ? (int64_t)strlen(*text) : -1;
    desy_broadcast(world, &length, sizeof length, root);
    int rc = DESY_OK;
    if (world->rank != root) {
        *text = length >= 0 ? calloc(1, (size_t)length + 1) : NULL;
        if (length >= 0 && !*text) rc = desy_error_memory("a text");
    }
    rc = desy_agree(world, rc);
    if (rc == DESY_OK && length > 0) desy_broadcast(world, *text, (size_t)length, root);
    return rc;
}

/* Non-blocking collectives advance only when they are asked, which many bytes cannot afford. For those the ranks gather first,
 * waiting as ever, and then MPI's own wait is short. */
#define MANY_BYTES ((size_t)1 << 16)

static void reduce(desy_world *world, void *values, size_t n, size_t width, MPI_Datatype type, MPI_Op op)
{
    MPI_Request request;
    if (alone(world)) return;
    const size_t most = CHUNK / width;
    const bool many = n * width >= MANY_BYTES;
    if (many) desy_barrier(world);
    for (size_t done = 0; done < n; done += most) {
        size_t part = n - done < most ? n - done : most;
        if (many) {
            MPI_Allreduce(MPI_IN_PLACE, (char *)values + done * width, (int)part, type, op, world->comm);
            continue;
        }
        MPI_Iallreduce(MPI_IN_PLACE, (char *)values + done * width, (int)part, type, op, world->comm, &request);
        desy_mpi_wait(&request);
    }
}

void desy_sum_i64(desy_world *world, int64_t *values, size_t n)
{
    reduce(world, values, n, sizeof *values, MPI_INT64_T, MPI_SUM);
}

void desy_max_f64(desy_world *world, double *values, size_t n)
{
    enum { STEP = 512 };
    /* MPI leaves a maximum with a NaN open, so that a NaN travels as a flag beside the value. */
    double pairs[2 * STEP];
    for (size_t first = 0; first < n && !alone(world); first += STEP) {
        size_t part = n - first < STEP ? n - first : STEP;
        for (size_t i = 0; i < part; i++) {
            double value = values[first + i];
            pairs[2 * i] = isnan(value) ? 0 : value;
            pairs[2 * i + 1] = isnan(value);
        }
        reduce(world, pairs, 2 * part, sizeof *pairs, MPI_DOUBLE, MPI_MAX);
        for (size_t i = 0; i < part; i++) values[first + i] = pairs[2 * i + 1] > 0 ? NAN : pairs[2 * i];
    }
}

int64_t desy_prefix_i64(desy_world *world, int64_t value)
{
    int64_t before = 0;
    MPI_Request request;
    if (alone(world)) return 0;
    MPI_Iexscan(&value, &before, 1, MPI_INT64_T, MPI_SUM, world->comm, &request);
    desy_mpi_wait(&request);
    return world->rank == 0 ? 0 : before; /* rank 0's result is undefined */
}

/* The element counts of all ranks; new. */
static int all_counts(desy_world *world, size_t count, uint64_t **counts, size_t *total)
{
    uint64_t mine = count;
    MPI_Request request;
    *counts = calloc((size_t)world->size, sizeof **counts);
    int rc = desy_agree(world, *counts ? DESY_OK : desy_error_memory("counts"));
    if (rc != DESY_OK) return rc;
    if (alone(world)) (*counts)[0] = mine;
    else {
        MPI_Iallgather(&mine, 1, MPI_UINT64_T, *counts, 1, MPI_UINT64_T, world->comm, &request);
        desy_mpi_wait(&request);
    }
    *total = 0;
    for (int r = 0; r < world->size; r++) *total += (*counts)[r];
    return DESY_OK;
}

int desy_gatherall(desy_world *world, const void *mine, size_t count, size_t element, void **all, size_t *total)
{
    uint64_t *counts = NULL;
    *all = NULL;
    int rc = all_counts(world, count, &counts, total);
    if (rc == DESY_OK) rc = desy_agree(world, (*all = malloc(*total * element + 1)) ? DESY_OK : desy_error_memory("what all ranks gather"));
    char *position = *all;
    for (int r = 0; rc == DESY_OK && r < world->size; position += counts[r++] * element) {
        if (r == world->rank && count) memcpy(position, mine, count * element);
        desy_broadcast(world, position, counts[r] * element, r);
    }
    free(counts);
    if (rc != DESY_OK) free(*all), *all = NULL;
    return rc;
}

static void send_all(desy_world *world, const char *data, size_t bytes, int to)
{
    MPI_Request request;
    for (size_t done = 0; done < bytes; done += CHUNK) {
        size_t part = bytes - done < CHUNK ? bytes - done : CHUNK;
        MPI_Isend(data + done, (int)part, MPI_BYTE, to, DESY_TAG_GATHER, world->comm, &request);
        desy_mpi_wait(&request);
    }
}

static void receive_all(desy_world *world, char *data, size_t bytes, int from)
{
    MPI_Request request;
    for (size_t done = 0; done < bytes; done += CHUNK) {
        size_t part = bytes - done < CHUNK ? bytes - done : CHUNK;
        MPI_Irecv(data + done, (int)part, MPI_BYTE, from, DESY_TAG_GATHER, world->comm, &request);
        desy_mpi_wait(&request);
    }
}

int desy_gather(desy_world *world, const void *mine, size_t count, size_t element, void **all, size_t *total)
{
    uint64_t *counts = NULL;
    *all = NULL;
    int rc = all_counts(world, count, &counts, total);
    if (rc == DESY_OK && world->rank == 0 && !(*all = malloc(*total * element + 1))) rc = desy_error_memory("what rank 0 gathers");
    rc = desy_agree(world, rc);
    if (rc == DESY_OK && world->rank != 0) send_all(world, mine, count * element, 0);
    char *position = *all;
    for (int r = 0; rc == DESY_OK && world->rank == 0 && r < world->size; position += counts[r++] * element) {
        if (r > 0) receive_all(world, position, counts[r] * element, r);
        else if (count) memcpy(position, mine, count * element);
    }
    free(counts);
    if (world->rank != 0) *total = 0;
    if (rc != DESY_OK) free(*all), *all = NULL;
    return rc;
}

/* In P - 1 steps: at step s every rank sends to rank + s and receives from rank - s. */
static void exchange_steps(desy_world *world, const char *mine, const size_t *counts, size_t element, char *received, const uint64_t *incoming)
{
    for (int step = 0; step < world->size; step++) {
        int to = (world->rank + step) % world->size, from = (world->rank - step + world->size) % world->size;
        size_t send_at = 0, receive_at = 0, sent = counts[to] * element, got = incoming[from] * element;
        for (int r = 0; r < to; r++) send_at += counts[r] * element;
        for (int r = 0; r < from; r++) receive_at += incoming[r] * element;
        if (step == 0) {
            if (got) memcpy(received + receive_at, mine + send_at, got);
            continue;
        }
        for (size_t done = 0; done < sent || done < got; done += CHUNK) {
            MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
            if (done < got) MPI_Irecv(received + receive_at + done, (int)(got - done < CHUNK ? got - done : CHUNK), MPI_BYTE, from, DESY_TAG_EXCHANGE, world->comm, &requests[0]);
            if (done < sent) MPI_Isend(mine + send_at + done, (int)(sent - done < CHUNK ? sent - done : CHUNK), MPI_BYTE, to, DESY_TAG_EXCHANGE, world->comm, &requests[1]);
            desy_mpi_wait(&requests[0]);
            desy_mpi_wait(&requests[1]);
        }
    }
}

int desy_exchange(desy_world *world, const void *mine, const size_t *counts, size_t element, void **received, size_t *total)
{
    uint64_t *outgoing = calloc((size_t)world->size, sizeof *outgoing), *incoming = calloc((size_t)world->size, sizeof *incoming);
    *received = NULL;
    *total = 0;
    int rc = desy_agree(world, outgoing && incoming ? DESY_OK : desy_error_memory("counts"));
    if (rc != DESY_OK) goto out;
    for (int r = 0; r < world->size; r++) outgoing[r] = counts[r];
    if (alone(world)) incoming[0] = outgoing[0];
    else {
        MPI_Request request;
        MPI_Ialltoall(outgoing, 1, MPI_UINT64_T, incoming, 1, MPI_UINT64_T, world->comm, &request);
        desy_mpi_wait(&request);
    }
    for (int r = 0; r < world->size; r++) *total += incoming[r];
    *received = desy_aligned_alloc(*total * element + 1);
    DESY_TRY(desy_agree(world, *received ? DESY_OK : desy_error_memory("what ranks exchange")));
    exchange_steps(world, mine, counts, element, *received, incoming);
out:
    free(outgoing);
    free(incoming);
    if (rc != DESY_OK) free(*received), *received = NULL;
    return rc;
}

MPI_Comm desy_world_comm(const desy_world *world)
{
    return world->comm;
}
