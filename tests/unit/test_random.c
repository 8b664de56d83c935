/* Philox-4x32-10 against the known answers of its authors (Random123, kat_vectors). */
#include "base/random.h"
#include "tests/unit/unit.h"

#include <math.h>

static void known_answers(void **state)
{
    (void)state;
    assert_true(desy_random_u64(0, 0, 0) == UINT64_C(0xe169c58d6627e8d5));
    assert_true(desy_random_u64(UINT64_MAX, UINT64_MAX, UINT64_MAX) == UINT64_C(0x41c83b0e408f276d));
    assert_true(desy_random_u64(UINT64_C(0x299f31d0a4093822), UINT64_C(0x0370734413198a2e), UINT64_C(0x85a308d3243f6a88)) == UINT64_C(0x94fdccebd16cfe09));
}

/* Words 2 and 3 too; and the others of many at once are those that come one at a time, across 2^32 as well. */
static void many_at_once(void **state)
{
    (void)state;
    uint32_t words[DESY_RANDOM_WORDS];
    desy_random_words(UINT64_C(0x299f31d0a4093822), UINT64_C(0x0370734413198a2e), UINT64_C(0x85a308d3243f6a88), words);
    const uint32_t known[4] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
    for (int w = 0; w < 4; w++) assert_int_equal(words[DESY_RANDOM_COUNTERS * w], known[w]);
    const uint64_t first = UINT64_C(0xfffffff0);
    desy_random_words(5, 6, first, words);
    for (uint64_t i = 0; i < DESY_RANDOM_COUNTERS; i++)
        assert_true(desy_random_u64(5, 6, first + i) == ((uint64_t)words[DESY_RANDOM_COUNTERS + i] << 32 | words[i]));
}

static void uniform_and_normal_have_their_moments(void **state)
{
    (void)state;
    enum { N = 100000 };
    double sum = 0, normal = 0, square = 0;
    for (int i = 0; i < N; i++) {
        double u = desy_random_uniform(7, 1, (uint64_t)i), z = desy_random_normal(7, 2, (uint64_t)i);
        assert_true(u >= 0 && u < 1);
        sum += u, normal += z, square += z * z;
    }
    /* Five standard errors of each. */
    assert_true(fabs(sum / N - .5) < 5 * sqrt(1. / 12 / N));
    assert_true(fabs(normal / N) < 5 / sqrt(N));
    assert_true(fabs(square / N - 1) < 5 * sqrt(2. / N));
}

static void permutation_is_one_and_depends_on_stream(void **state)
{
    (void)state;
    enum { N = 1000 };
    uint32_t a[N], b[N], again[N];
    char seen[N] = {0};
    int moved = 0;
    desy_random_permutation(1, 1, N, a);
    desy_random_permutation(1, 1, N, again);
    desy_random_permutation(1, 2, N, b);
    assert_memory_equal(a, again, sizeof a);
    for (int i = 0; i < N; i++) {
        assert_true(a[i] < N && !seen[a[i]]);
        seen[a[i]] = 1;
        moved += a[i] != b[i];
    }
    assert_true(moved > N / 2);
}

static void permutations_of_three_are_equally_likely(void **state)
{
    (void)state;
    int count[6] = {0};
    for (uint64_t stream = 0; stream < 6000; stream++) {
        uint32_t order[3];
        desy_random_permutation(3, stream, 3, order);
        count[order[0] * 2 + (order[1] > order[2])]++;
    }
    for (int i = 0; i < 6; i++) assert_in_range(count[i], 1000 - 145, 1000 + 145); /* five standard deviations */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers), cmocka_unit_test(many_at_once), cmocka_unit_test(uniform_and_normal_have_their_moments),
        cmocka_unit_test(permutation_is_one_and_depends_on_stream), cmocka_unit_test(permutations_of_three_are_equally_likely)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
