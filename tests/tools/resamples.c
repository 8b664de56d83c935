/* For tests/parity/test_intervals.py.
 *   resamples draw SCORES clips|groups|sources SEED RESAMPLES THRESHOLD: lines of numbers: the unit of each row with a score; first unit of each stratum, and the end; how many strata are real
 *     sources; then of each resample a line of the units' weights and one of AUC, TPR, FPR and accuracy.
 *   resamples closed: for each line of stdin, "rate K N", "mcnemar K N" or "quantile P 0", the result. */
#include "base/error.h"
#include "eval/interval.h"
#include "eval/scheme.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int closed(void)
{
    char what[16];
    double a, b, interval[2];
    while (scanf("%15s %lf %lf", what, &a, &b) == 3) {
        if (what[0] == 'r') {
            desy_clopper_pearson((int64_t)a, (int64_t)b, interval);
            printf("%.17g %.17g\n", interval[0], interval[1]);
        } else printf("%.17g\n", what[0] == 'm' ? desy_mcnemar((int64_t)a, (int64_t)b) : desy_normal_quantile(a));
    }
    return DESY_OK;
}

static void print(const struct desy_scheme *scheme, uint64_t seed)
{
    const struct desy_units *units = &scheme->units;
    uint8_t *weights = malloc(units->n * DESY_LANES), *times = malloc(units->n_strata * DESY_LANES);
    for (size_t s = 0; s <= units->n_strata; s++) printf("%zu ", units->first[s]);
    printf("\n%zu\n", units->n_real);
    for (size_t r = 0; weights && times && r < scheme->resamples; r++) {
        const struct desy_resampled *counts = &scheme->counts[r];
        if (r % DESY_LANES == 0) desy_resample(units, seed, r / DESY_LANES, weights, times);
        for (size_t u = 0; u < units->n; u++) printf("%d ", weights[u * DESY_LANES + r % DESY_LANES]);
        printf("\n%.17g %.17g %.17g %.17g\n", desy_resampled_auc(counts), desy_resampled_tpr(counts), desy_resampled_fpr(counts), desy_resampled_accuracy(counts));
    }
    free(weights);
    free(times);
}

int main(int argc, char **argv)
{
    desy_world *world = NULL;
    struct desy_scores scores = {0};
    struct desy_scheme scheme = {0};
    int rc = argc > 1 && strcmp(argv[1], "closed") == 0 ? closed() : DESY_EUSAGE;
    if (argc == 7) {
        const enum desy_unit kind = argv[3][0] == 'c' ? DESY_UNIT_CLIPS : argv[3][0] == 'g' ? DESY_UNIT_GROUPS : DESY_UNIT_SOURCES;
        const uint64_t seed = strtoull(argv[4], NULL, 10);
        DESY_TRY(desy_world_open_alone(&world));
        DESY_TRY(desy_scores_read(world, &scores, argv[2], true));
        DESY_TRY(desy_scheme_open(world, &scores, atof(argv[6]), NULL, kind, seed, strtoull(argv[5], NULL, 10), &scheme));
        for (size_t i = 0; i < scores.n; i++)
            if (!isnan(scores.score[i])) printf("%u ", scheme.units.of[i]);
        puts("");
        print(&scheme, seed);
    }
out:
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    desy_scheme_close(&scheme);
    desy_scores_close(&scores);
    desy_world_close(&world);
    return rc;
}
