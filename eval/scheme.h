/* One way of drawing the clips again, and the intervals that come of it: of a figure, or of the difference of a figure between two scores of the same clips. */
#ifndef DESY_EVAL_SCHEME_H
#define DESY_EVAL_SCHEME_H

#include "eval/bootstrap.h"
#include "eval/placements.h"

struct desy_scored_twice { /* the second scores; NULL: there are none */
    const double *scores;  /* (scores->n), in the order of the rows */
    double threshold;
};

struct desy_scheme {
    struct desy_units units;
    size_t n_orders; /* 1, or 2 with second scores */
    struct desy_order orders[2];
    struct desy_placements placements[2];
    struct desy_resampled *counts; /* (n_orders, resamples) */
    size_t resamples;
};

typedef double desy_resampled_figure(const struct desy_resampled *counts); /* desy_resampled_auc and the like */

struct desy_scheme_interval {
    double estimate;       /* second - first, where there are two */
    double percentile[2], bca[2];
    bool varies;           /* false: all resamples are alike (classes far apart), and the interval says nothing */
};

/* Collective; agreed. Of the rows with a score, both classes present; resamples 0: none are drawn. DESY_EENV: memory. */
int desy_scheme_open(desy_world *world, const struct desy_scores *scores, double threshold, const struct desy_scored_twice *twice, enum desy_unit kind, uint64_t seed,
                     size_t resamples, struct desy_scheme *scheme);
void desy_scheme_close(struct desy_scheme *scheme);

/* Not collective. resamples > 0. The acceleration of BCa is that of the jackknife over the same units, of SOURCES over sources (Davison & Hinkley 1997, equation 5.23 for several
 * samples). DESY_EENV: memory. */
int desy_scheme_interval(const struct desy_scheme *scheme, desy_resampled_figure *figure, struct desy_scheme_interval *interval);

#endif
