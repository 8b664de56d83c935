#include "eval/scheme.h"

#include "base/error.h"
#include "eval/interval.h"

#include <math.h>
#include <stdlib.h>

int desy_scheme_open(desy_world *world, const struct desy_scores *scores, double threshold, const struct desy_scored_twice *twice, enum desy_unit kind, uint64_t seed,
                     size_t resamples, struct desy_scheme *scheme)
{
    int rc = DESY_OK;
    struct desy_ranked *records = malloc((scores->n + 1) * sizeof *records);
    *scheme = (struct desy_scheme){.n_orders = twice ? 2 : 1, .resamples = resamples};
    DESY_TRY(desy_agree(world, records ? DESY_OK : desy_error_memory("scores to draw again")));
    DESY_TRY(desy_units_open(world, scores, kind, &scheme->units));
    for (size_t o = 0; o < scheme->n_orders; o++) {
        size_t n = 0;
        for (size_t i = 0; i < scores->n; i++)
            if (!isnan(scores->score[i])) records[n++] = (struct desy_ranked){o ? twice->scores[i] : scores->score[i], scheme->units.of[i], scores->label[i]};
        DESY_TRY(desy_order_open(world, records, n, o ? twice->threshold : threshold, &scheme->orders[o]));
        DESY_TRY(desy_agree(world, desy_placements_open(&scheme->placements[o], &scheme->orders[o], scheme->units.n)));
    }
    if (resamples > 0) DESY_TRY(desy_bootstrap_run(world, &scheme->units, scheme->orders, scheme->n_orders, seed, resamples, &scheme->counts));
out:
    free(records);
    if (rc != DESY_OK) desy_scheme_close(scheme);
    return rc;
}

void desy_scheme_close(struct desy_scheme *scheme)
{
    for (int o = 0; o < 2; o++) {
        desy_order_close(&scheme->orders[o]);
        desy_placements_close(&scheme->placements[o]);
    }
    desy_units_close(&scheme->units);
    free(scheme->counts);
    *scheme = (struct desy_scheme){0};
}

/* The counts without the units first to last - 1. Of several they are of one source: no pairs among themselves. */
static struct desy_resampled leave_out(const struct desy_placements *p, const struct desy_resampled *all, size_t first, size_t last)
{
    struct desy_resampled left = *all;
    for (size_t u = first; u < last; u++) {
        const struct desy_placement *unit = &p->units[u];
        left.twice -= unit->pos_right + unit->neg_right - unit->within;
        left.pos -= unit->pos;
        left.neg -= unit->neg;
        left.pos_above -= unit->pos_above;
        left.neg_above -= unit->neg_above;
    }
    return left;
}

static struct desy_resampled count_all(const struct desy_placements *p)
{
    const struct desy_resampled none = {0};
    struct desy_resampled all = leave_out(p, &none, 0, p->n);
    return (struct desy_resampled){p->twice, -all.pos, -all.neg, -all.pos_above, -all.neg_above};
}

static double difference(desy_resampled_figure *figure, const struct desy_resampled *first, const struct desy_resampled *second)
{
    return second ? figure(second) - figure(first) : figure(first);
}

/* Without the units first to last - 1. */
static double jackknifed(const struct desy_scheme *scheme, desy_resampled_figure *figure, const struct desy_resampled all[2], size_t first, size_t last)
{
    struct desy_resampled left[2];
    for (size_t o = 0; o < scheme->n_orders; o++) left[o] = leave_out(&scheme->placements[o], &all[o], first, last);
    return difference(figure, &left[0], scheme->n_orders == 2 ? &left[1] : NULL);
}

/* What is drawn from as one, and its parts: of SOURCES the real sources and the generators, else each stratum's units. */
struct sample { size_t first, last; bool of_strata; };

static void add_influences(const struct desy_scheme *scheme, desy_resampled_figure *figure, const struct desy_resampled all[2], struct sample sample, double *values, double sums[2])
{
    const size_t n = sample.last - sample.first, *bounds = scheme->units.first;
    double mean = 0;
    if (n < 2) return;
    for (size_t i = 0; i < n; i++) {
        const size_t k = sample.first + i;
        values[i] = sample.of_strata ? jackknifed(scheme, figure, all, bounds[k], bounds[k + 1]) : jackknifed(scheme, figure, all, k, k + 1);
        mean += values[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        const double influence = (double)(n - 1) / (double)n * (mean - values[i]);
        if (isnan(influence)) continue; /* nothing of a class is left */
        sums[0] += influence * influence;
        sums[1] += influence * influence * influence;
    }
}

static double acceleration(const struct desy_scheme *scheme, desy_resampled_figure *figure, const struct desy_resampled all[2], double *values)
{
    const struct desy_units *units = &scheme->units;
    double sums[2] = {0};
    if (units->kind == DESY_UNIT_SOURCES) {
        add_influences(scheme, figure, all, (struct sample){0, units->n_real, true}, values, sums);
        add_influences(scheme, figure, all, (struct sample){units->n_real, units->n_strata, true}, values, sums);
    } else
        for (size_t s = 0; s < units->n_strata; s++) add_influences(scheme, figure, all, (struct sample){units->first[s], units->first[s + 1], false}, values, sums);
    return sums[0] > 0 ? sums[1] / (6 * pow(sums[0], 1.5)) : 0;
}

int desy_scheme_interval(const struct desy_scheme *scheme, desy_resampled_figure *figure, struct desy_scheme_interval *interval)
{
    const size_t n = scheme->resamples, most = n > scheme->units.n ? n : scheme->units.n;
    double *values = malloc((most + 1) * sizeof *values);
    struct desy_resampled all[2];
    if (!values) return desy_error_memory("resampled figures");
    for (size_t o = 0; o < scheme->n_orders; o++) all[o] = count_all(&scheme->placements[o]);
    *interval = (struct desy_scheme_interval){.estimate = difference(figure, &all[0], scheme->n_orders == 2 ? &all[1] : NULL)};
    const double accelerated = acceleration(scheme, figure, all, values);
    for (size_t r = 0; r < n; r++) values[r] = difference(figure, &scheme->counts[r], scheme->n_orders == 2 ? &scheme->counts[n + r] : NULL);
    desy_percentiles(values, n, interval->percentile);
    desy_bca(values, n, interval->estimate, accelerated, interval->bca);
    interval->varies = values[0] < values[n - 1];
    free(values);
    return DESY_OK;
}
