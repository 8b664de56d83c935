/* bench_coverage [SIMULATIONS [RESAMPLES]]: of so many simulated sets of clips (2,000; 1,000 resamples), the share whose 95 % interval of the AUC holds the true one. Exits with 1 where a
 * row that is held to it is outside of 93 to 97 %. The others show what an interval misses that was not made for such clips. */
#include "bench/coverage.h"

#include "bench/bench.h"

int main(int argc, char **argv)
{
    const int simulations = argc > 1 ? atoi(argv[1]) : 2000;
    const size_t resamples = argc > 2 ? (size_t)atoll(argv[2]) : 1000;
    static const struct coverage_design single = {"independent clips", 1, 100, 1, 0, 0, .85}, grouped = {"100 + 100 groups of 5", 1, 100, 5, 0, .4, .85},
                                        many = {"20 + 20 sources of 20 groups of 3", 20, 20, 3, .2, .2, .85}, small = {"20 + 20 sources of 6 groups of 3", 20, 6, 3, .2, .2, .85},
                                        five = {"5 + 5 sources of 20 groups of 3", 5, 20, 3, .2, .2, .85}, three = {"3 + 3 sources of 20 groups of 3", 3, 20, 3, .2, .2, .85},
                                        two = {"2 + 2 sources of 20 groups of 3", 2, 20, 3, .2, .2, .85};
    static const struct { const struct coverage_design *design; enum coverage_interval which; enum desy_unit kind; const char *name; bool held; } rows[] = {
        {&single, COVERAGE_DELONG, 0, "DeLong", true},
        {&single, COVERAGE_PERCENTILE, DESY_UNIT_CLIPS, "clips, percentile", true},
        {&single, COVERAGE_BCA, DESY_UNIT_CLIPS, "clips, BCa", true},
        {&grouped, COVERAGE_DELONG, 0, "DeLong", false},
        {&grouped, COVERAGE_CLUSTERED, 0, "DeLong, clustered", true},
        {&grouped, COVERAGE_PERCENTILE, DESY_UNIT_GROUPS, "groups, percentile", true},
        {&grouped, COVERAGE_BCA, DESY_UNIT_GROUPS, "groups, BCa", true},
        {&many, COVERAGE_DELONG, 0, "DeLong", false},
        {&many, COVERAGE_CLUSTERED, 0, "DeLong, clustered", false},
        {&many, COVERAGE_PERCENTILE, DESY_UNIT_SOURCES, "sources, percentile", true},
        {&many, COVERAGE_BCA, DESY_UNIT_SOURCES, "sources, BCa", true},
        {&small, COVERAGE_PERCENTILE, DESY_UNIT_SOURCES, "sources, percentile", false},
        {&small, COVERAGE_BCA, DESY_UNIT_SOURCES, "sources, BCa", false},
        {&five, COVERAGE_PERCENTILE, DESY_UNIT_SOURCES, "sources, percentile", false},
        {&five, COVERAGE_BCA, DESY_UNIT_SOURCES, "sources, BCa", false},
        {&three, COVERAGE_PERCENTILE, DESY_UNIT_SOURCES, "sources, percentile", false},
        {&three, COVERAGE_BCA, DESY_UNIT_SOURCES, "sources, BCa", false},
        {&two, COVERAGE_PERCENTILE, DESY_UNIT_SOURCES, "sources, percentile", false},
        {&two, COVERAGE_BCA, DESY_UNIT_SOURCES, "sources, BCa", false},
    };
    desy_world *world = NULL;
    int outside = 0;
    bench_must(desy_world_open_alone(&world));
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const int covered = coverage_count(world, rows[r].design, simulations, rows[r].which, rows[r].kind, resamples);
        bench_must(covered < 0 ? DESY_EENV : DESY_OK);
        const double share = (double)covered / simulations;
        const bool bad = rows[r].held && (share < .93 || share > .97);
        outside += bad;
        printf("%-42s %-20s %5.1f %%%s\n", rows[r].design->name, rows[r].name, 100 * share, bad ? "  outside of 93 to 97" : rows[r].held ? "" : "  (shown only)");
        fflush(stdout);
    }
    desy_world_close(&world);
    return outside > 0;
}
