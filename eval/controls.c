#include "eval/controls.h"

#include "base/error.h"
#include "eval/auc_interval.h"
#include "eval/controls_json.h"
#include "eval/known.h"

#include <math.h>
#include <stdlib.h>

enum { LABELS = 0x4c610000, PROBE = 0x50720000 }; /* streams of random numbers */

static int measure_real(desy_world *world, const struct desy_evaluated *evaluated, uint64_t seed, struct desy_controls *c)
{
    struct desy_findings *f = &c->findings;
    int64_t *counts = calloc(2 * (evaluated->sources.n + 1), sizeof *counts);
    int rc = desy_agree(world, counts ? DESY_OK : desy_error_memory("clips by source"));
    DESY_TRY(rc);
    desy_evaluated_count(world, evaluated, -INFINITY, counts);
    DESY_TRY(desy_real_against_real(world, evaluated, counts, seed, &c->real));
    f->has_real = c->real.pairs > 0;
    f->n_real_sources = c->real.n_sources;
    f->real_mean = c->real.mean, f->real_null = c->real.null_mean, f->real_p = c->real.p;
    f->real_band[0] = c->real.band[0], f->real_band[1] = c->real.band[1];
out:
    free(counts);
    return rc;
}

/* The probe's scores of the clips that it was not fitted to. */
static int measure_probe(desy_world *world, const struct desy_evaluated *evaluated, const struct desy_report_options *options, struct desy_controls *c)
{
    struct desy_cells cells = {0};
    struct desy_ranked *clips = malloc((evaluated->n + 1) * sizeof *clips);
    size_t n = 0;
    int rc = desy_agree(world, clips ? DESY_OK : desy_error_memory("the probe on metadata"));
    DESY_TRY(rc);
    for (size_t i = 0; i < evaluated->n; i++) {
        const double logit = options->known->probe[evaluated->rows[i]];
        if (!isnan(logit)) clips[n++] = (struct desy_ranked){logit, 0, evaluated->clips[i].label};
    }
    DESY_TRY(desy_cells_open(world, clips, n, &(struct desy_cells_options){0}, &cells));
    c->findings.has_probe = desy_cells_auc(&cells, 0, 0, &c->findings.probe);
    if (!c->findings.has_probe) goto out;
    DESY_TRY(desy_permutation_test(world, clips, n, options->seed, PROBE, &c->probe));
    c->findings.probe_p = c->probe.p;
    c->findings.probe_smallest = desy_auc_smallest_found(c->findings.probe.pos, c->findings.probe.neg);
out:
    desy_cells_close(&cells);
    free(clips);
    return rc;
}

/* marks (rows): 0, 1, or, of clips that are left out, DESY_LEFT_OUT. Areas of those with 0 and 1 of either class, against each other. */
static int mark_cells(desy_world *world, const struct desy_evaluated *evaluated, const uint8_t *marks, struct desy_cells *cells)
{
    struct desy_ranked *clips = malloc((evaluated->n + 1) * sizeof *clips);
    size_t n = 0;
    int rc = desy_agree(world, clips ? DESY_OK : desy_error_memory("controls"));
    DESY_TRY(rc);
    for (size_t i = 0; i < evaluated->n; i++) {
        clips[n] = evaluated->clips[i];
        clips[n].source = marks[evaluated->rows[i]];
        n += clips[n].source < DESY_LEFT_OUT;
    }
    rc = desy_cells_open(world, clips, n, &(struct desy_cells_options){2, {NULL, NULL}, {2, 2}}, cells);
out:
    free(clips);
    return rc;
}

/* Sources of a label: how many are evaluated, how many of those the training part has. Clips without a source have no part in it. */
static int measure_sources(desy_world *world, const struct desy_evaluated *evaluated, const uint8_t *marks, struct desy_controls *c)
{
    const size_t n = evaluated->sources.n + 1;
    int64_t *found = calloc(4 * n, sizeof *found); /* (n, label, is new) */
    uint8_t *own = malloc((size_t)(evaluated->n ? evaluated->rows[evaluated->n - 1] + 1 : 1));
    struct desy_cells cells = {0};
    int rc = desy_agree(world, found && own ? DESY_OK : desy_error_memory("sources of the training part"));
    DESY_TRY(rc);
    for (size_t i = 0; i < evaluated->n; i++) {
        const struct desy_ranked *clip = &evaluated->clips[i];
        const size_t row = evaluated->rows[i];
        own[row] = clip->source < n - 1 ? marks[row] : DESY_LEFT_OUT;
        if (own[row] < DESY_LEFT_OUT) found[4 * clip->source + 2 * clip->label + own[row]]++;
    }
    desy_sum_i64(world, found, 4 * n);
    for (size_t s = 0; s + 1 < n; s++)
        for (size_t label = 0; label < 2; label++)
            for (size_t is_new = 0; is_new < 2; is_new++) c->sources[label][is_new] += found[4 * s + 2 * label + is_new] > 0;
    DESY_TRY(mark_cells(world, evaluated, own, &cells));
    struct desy_seen *generators = &c->findings.generators, *reals = &c->findings.real_sources;
    generators->known = desy_cells_auc(&cells, 0, 2, &generators->seen) & desy_cells_auc(&cells, 1, 2, &generators->unseen);
    reals->known = desy_cells_auc(&cells, 2, 0, &reals->seen) & desy_cells_auc(&cells, 2, 1, &reals->unseen);
    c->has_sources = c->sources[0][0] + c->sources[0][1] + c->sources[1][0] + c->sources[1][1] > 0;
out:
    desy_cells_close(&cells);
    free(found);
    free(own);
    return rc;
}

static int measure_copies(desy_world *world, const struct desy_evaluated *evaluated, const uint8_t *marks, struct desy_controls *c)
{
    struct desy_cells cells = {0};
    struct desy_findings *f = &c->findings;
    int rc = DESY_OK;
    DESY_TRY(mark_cells(world, evaluated, marks, &cells));
    f->has_copies = true;
    f->copied = cells.n[0][1] + cells.n[1][1];
    f->compared = cells.n[0][2] + cells.n[1][2];
    f->has_without = desy_cells_auc(&cells, 0, 0, &c->without) && desy_cells_auc(&cells, 2, 2, &c->with);
    if (f->has_without) f->auc = c->with.auc, f->auc_without = c->without.auc;
out:
    desy_cells_close(&cells);
    return rc;
}

int desy_controls_add(desy_world *world, const struct desy_evaluated *evaluated, const struct desy_report_options *options, cJSON *json)
{
    struct desy_controls c = {.sources_of = &evaluated->sources};
    const struct desy_known *known = options->known;
    int rc = DESY_OK;
    c.findings.has_store = known != NULL;
    c.findings.has_labels = evaluated->n_of[0] > 0 && evaluated->n_of[1] > 0;
    if (c.findings.has_labels) DESY_TRY(desy_permutation_test(world, evaluated->clips, evaluated->n, options->seed, LABELS, &c.findings.labels));
    DESY_TRY(measure_real(world, evaluated, options->seed, &c));
    if (known && known->probe) DESY_TRY(measure_probe(world, evaluated, options, &c));
    if (known && known->new_source) DESY_TRY(measure_sources(world, evaluated, known->new_source, &c));
    if (known && known->copied) DESY_TRY(measure_copies(world, evaluated, known->copied, &c));
    rc = desy_agree(world, json ? desy_controls_json(&c, options, json) : DESY_OK);
out:
    return rc;
}
