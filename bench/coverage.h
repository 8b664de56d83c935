/* Sets of clips whose true AUC is known, to see how often an interval holds it: binormal scores, with what clips of a source and of a group share. */
#ifndef DESY_BENCH_COVERAGE_H
#define DESY_BENCH_COVERAGE_H

#include "base/error.h"
#include "base/random.h"
#include "eval/interval.h"
#include "eval/scheme.h"

#include <math.h>
#include <stdio.h>

struct coverage_design {
    const char *name;
    int sources, groups, clips;         /* sources of each class, groups of each, clips of each group */
    double of_source, of_group, auc;    /* shares of the variance of a score that sources, groups make; the true AUC */
};

enum coverage_interval { COVERAGE_DELONG, COVERAGE_CLUSTERED, COVERAGE_PERCENTILE, COVERAGE_BCA };

/* Clips of simulation `number`. DESY_EENV: memory. */
static inline int coverage_simulate(const struct coverage_design *design, uint64_t number, struct desy_scores *scores)
{
    /* Two normal variables of variance 1, their means apart: AUC = Phi(apart / sqrt 2). */
    const double apart = M_SQRT2 * desy_normal_quantile(design->auc), rest = sqrt(1 - design->of_source - design->of_group);
    uint64_t drawn = 0;
    for (int label = 0; label < 2; label++)
        for (int s = 0; s < design->sources; s++) {
            const double source = sqrt(design->of_source) * desy_random_normal(11, number, drawn++);
            for (int g = 0; g < design->groups; g++) {
                const double group = sqrt(design->of_group) * desy_random_normal(11, number, drawn++);
                for (int c = 0; c < design->clips; c++) {
                    char names[3][48];
                    snprintf(names[0], sizeof *names, "%d %d %d %d", label, s, g, c);
                    snprintf(names[1], sizeof *names, "%d %d", label, s);
                    snprintf(names[2], sizeof *names, "%d %d %d", label, s, g);
                    const struct desy_score_row row = {.id = names[0], .source = names[1], .group = names[2], .label = label,
                                                       .score = apart * label + source + group + rest * desy_random_normal(11, number, drawn++)};
                    const int rc = desy_scores_append(scores, &row);
                    if (rc != DESY_OK) return rc;
                }
            }
        }
    return DESY_OK;
}

/* The interval of one simulation; kind: what is drawn, where it is drawn. */
static inline int coverage_compute(desy_world *world, const struct coverage_design *design, uint64_t number, enum coverage_interval which, enum desy_unit kind, size_t resamples, double interval[2])
{
    const bool closed = which == COVERAGE_DELONG || which == COVERAGE_CLUSTERED;
    struct desy_scores scores = {0};
    struct desy_scheme scheme = {0};
    struct desy_scheme_interval drawn = {0};
    int rc = coverage_simulate(design, number, &scores);
    if (rc == DESY_OK) rc = desy_scheme_open(world, &scores, 0, NULL, which == COVERAGE_DELONG ? DESY_UNIT_CLIPS : which == COVERAGE_CLUSTERED ? DESY_UNIT_GROUPS : kind, number, closed ? 0 : resamples, &scheme);
    if (rc == DESY_OK && closed) {
        const double auc = desy_placements_auc(&scheme.placements[0]), reach = DESY_NORMAL_QUANTILE * sqrt(desy_placements_variance(&scheme.placements[0], NULL));
        interval[0] = auc - reach, interval[1] = auc + reach;
    } else if (rc == DESY_OK) {
        rc = desy_scheme_interval(&scheme, desy_resampled_auc, &drawn);
        for (int i = 0; i < 2; i++) interval[i] = which == COVERAGE_BCA ? drawn.bca[i] : drawn.percentile[i];
    }
    desy_scheme_close(&scheme);
    desy_scores_close(&scores);
    return rc;
}

/* How many of the simulations have the true AUC in their interval; -1: a failure, with its message. */
static inline int coverage_count(desy_world *world, const struct coverage_design *design, int simulations, enum coverage_interval which, enum desy_unit kind, size_t resamples)
{
    int covered = 0;
    for (int i = 0; i < simulations; i++) {
        double interval[2];
        if (coverage_compute(world, design, (uint64_t)i, which, kind, resamples, interval) != DESY_OK) return -1;
        covered += interval[0] <= design->auc && design->auc <= interval[1];
    }
    return covered;
}

#endif
