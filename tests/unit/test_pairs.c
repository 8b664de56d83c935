/* Pairs ranked right: against counting them one by one. */
#include "tests/unit/unit.h"

#include "base/error.h"
#include "base/random.h"
#include "eval/pairs.h"

#include <math.h>

enum { ITEMS = 60, SOURCES = 7, CELLS = 4 }; /* sources 0..2: AI-generated, 3..6: real */

static struct {
    uint8_t labels[ITEMS];
    size_t sources[ITEMS];
    double scores[CELLS * ITEMS], weights[ITEMS];
    struct desy_pairs pairs;
} s;

/* Cell c leaves out the AI source c % 3 and the real ones 3 + c; scores are coarse, so that some are equal. */
static int prepare(void **state)
{
    (void)state;
    for (size_t i = 0; i < ITEMS; i++) {
        s.sources[i] = (size_t)(desy_random_uniform(1, 0, i) * SOURCES);
        s.labels[i] = s.sources[i] < 3;
        s.weights[i] = floor(3 * desy_random_uniform(1, 1, i));
        for (size_t c = 0; c < CELLS; c++) {
            const bool left_out = s.sources[i] == c % 3 || s.sources[i] == 3 + c;
            s.scores[c * ITEMS + i] = left_out ? floor(8 * desy_random_uniform(1, 2 + c, i)) + s.labels[i] : NAN;
        }
    }
    return desy_pairs_open(&s.pairs, s.scores, CELLS, ITEMS, s.labels, s.sources, SOURCES);
}

static int finish(void **state)
{
    (void)state;
    desy_pairs_close(&s.pairs);
    return 0;
}

static void counts_are_those_of_every_pair(void **state)
{
    (void)state;
    for (int weighted = 0; weighted < 2; weighted++) {
        double right, all, expected_right = 0, expected_all = 0;
        for (size_t c = 0; c < CELLS; c++)
            for (size_t i = 0; i < ITEMS; i++)
                for (size_t j = 0; j < ITEMS; j++) {
                    const double ai = s.scores[c * ITEMS + i], real = s.scores[c * ITEMS + j], weight = weighted ? s.weights[i] * s.weights[j] : 1;
                    if (s.labels[i] != 1 || s.labels[j] != 0 || isnan(ai) || isnan(real)) continue;
                    expected_all += weight;
                    expected_right += weight * (ai > real ? 1 : ai == real ? .5 : 0);
                }
        desy_pairs_count(&s.pairs, weighted ? s.weights : NULL, &right, &all);
        assert_true(expected_all > 0 && expected_right < expected_all);
        assert_float_equal(right, expected_right, 1e-9);
        assert_float_equal(all, expected_all, 1e-9);
    }
}

static void intervals_hold_the_share_and_sources_are_wider(void **state)
{
    (void)state;
    double clips[2], sources[2], again[2];
    const double share = desy_pairs_share(&s.pairs, NULL);
    assert_int_equal(desy_pairs_interval(&s.pairs, NULL, DESY_PAIRS_CLIPS, 1, clips), DESY_OK);
    assert_int_equal(desy_pairs_interval(&s.pairs, NULL, DESY_PAIRS_SOURCES, 1, sources), DESY_OK);
    assert_int_equal(desy_pairs_interval(&s.pairs, NULL, DESY_PAIRS_CLIPS, 1, again), DESY_OK);
    assert_true(clips[0] < share && share < clips[1] && sources[0] < share && share < sources[1]);
    assert_memory_equal(clips, again, sizeof clips);
}

static void no_pair_is_no_number(void **state)
{
    (void)state;
    const double none[ITEMS] = {0};
    double interval[2];
    assert_true(isnan(desy_pairs_share(&s.pairs, none)));
    assert_int_equal(desy_pairs_interval(&s.pairs, none, DESY_PAIRS_CLIPS, 1, interval), DESY_OK);
    assert_true(isnan(interval[0]) && isnan(interval[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts_are_those_of_every_pair), cmocka_unit_test(intervals_hold_the_share_and_sources_are_wider),
                                       cmocka_unit_test(no_pair_is_no_number)};
    return cmocka_run_group_tests(tests, prepare, finish);
}
