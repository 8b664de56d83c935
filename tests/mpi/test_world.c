#include "tests/mpi/check.h"

#include <math.h>
#include <time.h>

static int rank, size;

static void test_shape(void)
{
    const char *expected = getenv("OMPI_COMM_WORLD_SIZE");
    check(expected ? size == atoi(expected) : size == 1);
    check(rank >= 0 && rank < size);
    check(desy_local_rank(world) == rank && desy_local_size(world) == size); /* one node */
    check(strlen(desy_mpi_version()) > 4);
}

static void test_agree(void)
{
    const int lowest_first[] = {DESY_OK, DESY_EINTERRUPTED, DESY_EPARTIAL, DESY_EDATA, DESY_EUSAGE, DESY_EENV};
    char expected[64];
    check(desy_agree(world, DESY_OK) == DESY_OK);
    /* Each rank fails alone, and all say what it said. */
    for (int r = 0; r < size; r++) {
        snprintf(expected, sizeof expected, "said by %d", r);
        check(desy_agree(world, rank == r ? desy_error(DESY_EDATA, "%s", expected) : DESY_OK) == DESY_EDATA);
        check(strcmp(desy_error_message(), expected) == 0);
    }
    /* Of two codes the graver wins, wherever it is. */
    for (int low = 1; low < 5; low++)
        for (int r = 0; r < size; r++) {
            int code = lowest_first[rank == r ? low + 1 : low];
            desy_error(code, "code %d", code);
            check(desy_agree(world, code) == lowest_first[low + 1]);
            snprintf(expected, sizeof expected, "code %d", lowest_first[low + 1]);
            check(strcmp(desy_error_message(), expected) == 0);
        }
    desy_error(DESY_EENV, "rank %d", rank);
    check(desy_agree(world, DESY_EENV) == DESY_EENV);
    check(strcmp(desy_error_message(), "rank 0") == 0);
}

static void test_broadcast(void)
{
    for (int root = 0; root < size; root++) {
        int64_t value = rank == root ? 1000 + root : 0;
        desy_broadcast(world, &value, sizeof value, root);
        check(value == 1000 + root);
        const char *const texts[] = {"a text", "", NULL};
        for (int i = 0; i < 3; i++) {
            char *text = rank == root && texts[i] ? strdup(texts[i]) : NULL;
            check(desy_broadcast_text(world, &text, root) == DESY_OK);
            check(texts[i] ? text && strcmp(text, texts[i]) == 0 : !text);
            free(text);
        }
    }
}

static void test_reductions(void)
{
    enum { N = 1300 };
    int64_t whole[N];
    double most[N];
    for (int i = 0; i < N; i++) {
        whole[i] = (INT64_C(1) << 53) * rank + i;
        most[i] = i == 700 && rank == size - 1 ? NAN : i == 701 && rank == 0 ? INFINITY : i == 702 ? -1. - rank : rank * 10 + i;
    }
    desy_sum_i64(world, whole, N);
    desy_max_f64(world, most, N);
    const int64_t ranks = (int64_t)size * (size - 1) / 2;
    for (int i = 0; i < N; i++) {
        check(whole[i] == (INT64_C(1) << 53) * ranks + (int64_t)size * i);
        if (i == 700) check(isnan(most[i]));
        else check(most[i] == (i == 701 ? INFINITY : i == 702 ? -1 : (size - 1) * 10 + i));
    }
    check(desy_prefix_i64(world, rank + 5) == (int64_t)rank * (rank - 1) / 2 + 5 * rank);
}

/* Rank r has r elements (none on rank 0). */
static void test_gather(void)
{
    int mine[8], *all;
    size_t total, expected = (size_t)(size * (size - 1) / 2);
    for (int i = 0; i < rank; i++) mine[i] = 100 * rank + i;
    for (int everywhere = 0; everywhere < 2; everywhere++) {
        int rc = (everywhere ? desy_gatherall : desy_gather)(world, rank ? mine : NULL, (size_t)rank, sizeof *mine, (void **)&all, &total);
        check(rc == DESY_OK);
        if (!everywhere && rank != 0) {
            check(!all && total == 0);
            continue;
        }
        check(total == expected);
        for (int r = 0, at = 0; r < size; r++)
            for (int i = 0; i < r; i++) check(all[at++] == 100 * r + i);
        free(all);
    }
}

/* Rank r sends s + 2 elements to rank s, but none to itself. */
static void test_exchange(void)
{
    size_t counts[8], total, at = 0;
    int64_t mine[64], *got;
    for (int s = 0; s < size; s++) {
        counts[s] = s == rank ? 0 : (size_t)s + 2;
        for (size_t i = 0; i < counts[s]; i++) mine[at++] = rank * 10000 + s * 100 + (int64_t)i;
    }
    check(desy_exchange(world, mine, counts, sizeof *mine, (void **)&got, &total) == DESY_OK);
    check(total == (size_t)(size - 1) * (size_t)(rank + 2));
    at = 0;
    for (int r = 0; r < size; r++)
        for (int i = 0; i < rank + 2 && r != rank; i++) check(got[at++] == r * 10000 + rank * 100 + i);
    free(got);
}

/* A rank that waits for another leaves the processor alone. */
static void test_waiting_does_not_spin(void)
{
    const struct timespec late = {.tv_nsec = 500000000};
    struct timespec before, after;
    desy_barrier(world);
    if (rank == size - 1) nanosleep(&late, NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    desy_barrier(world);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    double used = (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
    check(used < .25);
}

int main(void)
{
    check(desy_world_open(&world) == DESY_OK);
    rank = desy_rank(world), size = desy_size(world);
    test_shape();
    test_agree();
    test_broadcast();
    test_reductions();
    test_gather();
    test_exchange();
    test_waiting_does_not_spin();
    desy_world_close(&world);
    desy_world_close(&world); /* NULL-safe */
    return world ? 1 : 0;
}
