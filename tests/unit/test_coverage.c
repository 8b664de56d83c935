/* 95 % intervals hold the true AUC about so often: few simulations, within what chance leaves (five standard errors; bench/coverage.c counts many). And each interval that was not made
 * for clips that depend on each other misses it, so that the simulation has something to find. */
#include "bench/coverage.h"
#include "tests/unit/unit.h"

#define SIMULATIONS 300

static void count(const struct coverage_design *design, enum coverage_interval which, enum desy_unit kind, bool holds)
{
    desy_world *world = NULL;
    assert_int_equal(desy_world_open_alone(&world), DESY_OK);
    const int covered = coverage_count(world, design, SIMULATIONS, which, kind, 300);
    const double share = (double)covered / SIMULATIONS, reach = 5 * sqrt(.95 * .05 / SIMULATIONS);
    if (covered < 0) fail_msg("%s", desy_error_message());
    if (holds != (fabs(share - .95) < reach)) fail_msg("%s, interval %d over %d: %.1f %% of the intervals hold the true AUC", design->name, which, kind, 100 * share);
    desy_world_close(&world);
}

static void independent_clips(void **state)
{
    (void)state;
    static const struct coverage_design design = {"independent clips", 1, 80, 1, 0, 0, .85};
    count(&design, COVERAGE_DELONG, 0, true);
    count(&design, COVERAGE_PERCENTILE, DESY_UNIT_CLIPS, true);
    count(&design, COVERAGE_BCA, DESY_UNIT_CLIPS, true);
}

static void groups(void **state)
{
    (void)state;
    static const struct coverage_design design = {"groups", 1, 50, 5, 0, .4, .85};
    count(&design, COVERAGE_DELONG, 0, false);
    count(&design, COVERAGE_CLUSTERED, 0, true);
    count(&design, COVERAGE_BCA, DESY_UNIT_GROUPS, true);
}

static void sources(void **state)
{
    (void)state;
    static const struct coverage_design design = {"sources", 12, 10, 2, .3, .1, .85};
    count(&design, COVERAGE_CLUSTERED, 0, false);
    count(&design, COVERAGE_BCA, DESY_UNIT_CLIPS, false);
    count(&design, COVERAGE_BCA, DESY_UNIT_SOURCES, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(independent_clips), cmocka_unit_test(groups), cmocka_unit_test(sources)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
