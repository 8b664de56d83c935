/* Pieces come in their order whoever fills them, a slot is not touched while it is in use, and the first failure is passed on at its place. */
#include "base/error.h"
#include "tests/unit/unit.h"
#include "train/prefetch.h"

#include <stdatomic.h>
#include <time.h>

enum { FIRST = 5, END = 300 };

struct work {
    size_t slots[1 + DESY_MOST_WORKERS]; /* the piece that each holds */
    size_t fails_at;
    atomic_int running, most;
};

static int fill(void *context, size_t piece, int slot)
{
    struct work *work = context;
    const int running = atomic_fetch_add(&work->running, 1) + 1;
    if (running > atomic_load(&work->most)) atomic_store(&work->most, running);
    nanosleep(&(struct timespec){0, (long)(piece * 7919 % 13) * 20000}, NULL); /* later ones are often done earlier */
    if (piece < work->fails_at) work->slots[slot] = piece;
    atomic_fetch_sub(&work->running, 1);
    return piece < work->fails_at ? DESY_OK : desy_error(DESY_EDATA, "piece %zu", piece);
}

static void check_pieces(int workers, size_t fails_at)
{
    struct work work = {.fails_at = fails_at};
    desy_prefetch *prefetch;
    int slot;
    assert_int_equal(desy_prefetch_open(&prefetch, fill, &work, FIRST, END, workers), DESY_OK);
    for (size_t piece = FIRST; piece < END && piece < fails_at; piece++) {
        assert_int_equal(desy_prefetch_next(prefetch, &slot), DESY_OK);
        if (piece % 50 == 0) nanosleep(&(struct timespec){0, 3000000}, NULL); /* the others run as far as they may */
        assert_true(work.slots[slot] == piece);
    }
    for (int time = 0; fails_at < END && time < 2; time++) {
        char words[32];
        snprintf(words, sizeof words, "piece %zu", fails_at);
        assert_int_equal(desy_prefetch_next(prefetch, &slot), DESY_EDATA);
        assert_string_equal(desy_error_message(), words);
    }
    desy_prefetch_close(&prefetch);
    assert_null(prefetch);
    assert_true(workers == 1 ? work.most == 1 : work.most > 1 && work.most <= workers);
}

static void test_order(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 8; workers++) check_pieces(workers, END);
}

static void test_failures(void **state)
{
    (void)state;
    check_pieces(1, 40);
    check_pieces(6, 40);
}

static void test_end_before_all_are_taken(void **state)
{
    (void)state;
    for (size_t taken = 0; taken < 3; taken++) {
        struct work work = {.fails_at = END};
        desy_prefetch *prefetch;
        int slot;
        assert_int_equal(desy_prefetch_open(&prefetch, fill, &work, FIRST, END, 3), DESY_OK);
        for (size_t k = 0; k < taken; k++) assert_int_equal(desy_prefetch_next(prefetch, &slot), DESY_OK);
        desy_prefetch_close(&prefetch);
        assert_int_equal(work.running, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_failures), cmocka_unit_test(test_end_before_all_are_taken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
